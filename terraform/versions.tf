terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.66"
    }
  }

  # The rest is written by bootstrap/: terraform init -backend-config=state.config
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region              = var.aws_region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

# For what clients set tags of.
provider "aws" {
  alias = "untagged"

  region              = var.aws_region
  allowed_account_ids = [var.account_id]
}
