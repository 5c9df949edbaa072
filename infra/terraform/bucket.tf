resource "aws_s3_bucket" "store" {
  bucket = "${var.name}-store"
}

resource "aws_s3_bucket_public_access_block" "store" {
  bucket                  = aws_s3_bucket.store.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "store" {
  bucket = aws_s3_bucket.store.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# Pages in browsers send uploads to the bucket itself, and fetch large outputs from it, by signed addresses.
resource "aws_s3_bucket_cors_configuration" "store" {
  bucket = aws_s3_bucket.store.id
  cors_rule {
    allowed_methods = ["GET", "HEAD", "PUT"]
    allowed_origins = var.page_origins
    allowed_headers = ["content-type"]
    expose_headers  = ["content-type", "etag"]
    max_age_seconds = 86400
  }
}

# What can be computed again goes after some time, and what belongs to jobs and batches after theirs; heads, collections,
# models and secrets of webhooks stay.
resource "aws_s3_bucket_lifecycle_configuration" "store" {
  bucket = aws_s3_bucket.store.id

  dynamic "rule" {
    for_each = {
      results        = var.result_days
      tokens         = var.result_days
      chains         = var.result_days
      idempotency    = 2
      jobs           = var.job_days
      job-inputs     = var.job_days
      job-leases     = var.job_days
      batches        = var.job_days
      batch-inputs   = var.job_days
      batch-records  = var.job_days
      batch-parts    = var.job_days
      batch-leases   = var.job_days
      webhook-events = var.job_days
      # Workers remove these sooner, by their last use: this is for what they leave.
      uploads          = 7
      upload-documents = 7
      inputs           = 7
      outputs          = 7
    }
    content {
      id     = rule.key
      status = "Enabled"
      filter {
        prefix = "${rule.key}/"
      }
      expiration {
        days = rule.value
      }
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {
      prefix = ""
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}
