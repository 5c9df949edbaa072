output "bucket" {
  value = aws_s3_bucket.store.bucket
}

# Of settings.yaml and scaling.yaml in infra/kubernetes/base.
output "queue_urls" {
  value = merge({ for name, queue in aws_sqs_queue.work : name => queue.url }, { dead = aws_sqs_queue.dead.url })
}
