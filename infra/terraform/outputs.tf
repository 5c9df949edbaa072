output "bucket" {
  value = aws_s3_bucket.store.bucket
}

output "queue_urls" {
  value = { for name, queue in aws_sqs_queue.jobs : name => queue.url }
}

output "dead_letter_urls" {
  value = { for name, queue in aws_sqs_queue.dead : name => queue.url }
}
