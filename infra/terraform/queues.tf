# A queue for jobs that somebody waits for, one for those that nobody waits for, one for deliveries of webhooks, and one
# for messages that nobody can handle, which the workers read as well. As `npm run queues:create` makes them.
locals {
  queues = toset(["interactive", "batch", "webhooks"])
}

resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dead"
  message_retention_seconds = 1209600
  receive_wait_time_seconds = 20
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue" "work" {
  for_each                   = local.queues
  name                       = "${var.name}-${each.key}"
  visibility_timeout_seconds = 30
  message_retention_seconds  = 1209600
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    # More than a worker's own bound, which tells a job what became of it.
    maxReceiveCount = 20
  })
}
