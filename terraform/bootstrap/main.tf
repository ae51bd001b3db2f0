# Run once, before anything else: makes the bucket in which Terraform keeps what it knows of ../ (its state). The state of this
# folder itself stays here, in terraform.tfstate.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.66"
    }
  }
}

provider "aws" {
  region              = var.aws_region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = { application = var.shared_resource_name }
  }
}
