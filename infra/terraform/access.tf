# A user each for the edge, the workers and KEDA. Cloudflare and workers outside of AWS take keys; none of them is made
# here, so that none lies in Terraform's state: aws iam create-access-key --user-name fourm-edge
data "aws_iam_policy_document" "store" {
  statement {
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.store.arn}/*"]
  }
  # LanceDB writes large files of collections in parts.
  statement {
    actions   = ["s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.store.arn}/collections/*"]
  }
  statement {
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.store.arn]
  }
}

data "aws_iam_policy_document" "send" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [for queue in aws_sqs_queue.work : queue.arn]
  }
}

data "aws_iam_policy_document" "work" {
  statement {
    actions = [
      "sqs:SendMessage",
      "sqs:ReceiveMessage",
      "sqs:DeleteMessage",
      "sqs:ChangeMessageVisibility",
      "sqs:GetQueueAttributes",
    ]
    resources = concat([for queue in aws_sqs_queue.work : queue.arn], [aws_sqs_queue.dead.arn])
  }
}

data "aws_iam_policy_document" "measure" {
  statement {
    actions   = ["sqs:GetQueueAttributes"]
    resources = [for queue in aws_sqs_queue.work : queue.arn]
  }
}

resource "aws_iam_user" "user" {
  for_each = toset(["edge", "worker", "keda"])
  name     = "${var.name}-${each.key}"
}

resource "aws_iam_user_policy" "edge_store" {
  name   = "store"
  user   = aws_iam_user.user["edge"].name
  policy = data.aws_iam_policy_document.store.json
}

resource "aws_iam_user_policy" "edge_queue" {
  name   = "send"
  user   = aws_iam_user.user["edge"].name
  policy = data.aws_iam_policy_document.send.json
}

resource "aws_iam_user_policy" "worker_store" {
  name   = "store"
  user   = aws_iam_user.user["worker"].name
  policy = data.aws_iam_policy_document.store.json
}

resource "aws_iam_user_policy" "worker_queue" {
  name   = "work"
  user   = aws_iam_user.user["worker"].name
  policy = data.aws_iam_policy_document.work.json
}

resource "aws_iam_user_policy" "keda_queue" {
  name   = "measure"
  user   = aws_iam_user.user["keda"].name
  policy = data.aws_iam_policy_document.measure.json
}
