# Bucket, queues and keys of least privilege on AWS. State of 4M Edge lies nowhere else.
terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "name" {
  type        = string
  default     = "fourm"
  description = "Begins every name; the bucket's name is world-wide and needs one of your own."
}

variable "result_days" {
  type        = number
  default     = 30
  description = "Days that results, kept tokens and chains stay; they can be computed again."
}

variable "job_days" {
  type        = number
  default     = 30
  description = "Days that documents of jobs and batches stay."
}

variable "page_origins" {
  type        = list(string)
  default     = ["*"]
  description = "Origins of pages that send uploads and fetch outputs; a signed address is needed as well."
}
