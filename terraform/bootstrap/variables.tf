variable "account_id" {
  description = "Number of the AWS account; Terraform refuses to work in another one."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id: 12 digits, as `aws sts get-caller-identity --query Account` prints them."
  }
}

variable "aws_region" {
  description = "Region of the bucket of states and of the role for logs: the one that ../ is set up in."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region: a region's code, such as eu-west-1."
  }
}

variable "shared_resource_name" {
  description = "Beginning of the names, the same as in ../."
  type        = string
  default     = "kenspeckle"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.shared_resource_name))
    error_message = "shared_resource_name: 3 to 30 lower-case letters, digits and hyphens, a letter first, no hyphen last."
  }

  validation {
    condition     = !can(regex("^(xn--|sthree-|amzn-s3-demo-)", var.shared_resource_name))
    error_message = "shared_resource_name: S3 keeps names that begin with xn--, sthree- or amzn-s3-demo- to itself; begin it otherwise."
  }
}

variable "api_gateway_logs" {
  description = "Give API Gateway its role for logs. AWS has one for account and region together: false where it is set already (`aws apigateway get-account`)."
  type        = bool
  default     = true
}

variable "lock_table" {
  description = "Make a DynamoDB table for locks too, as Terraform before 1.11 needs it. Not needed: the bucket locks by itself."
  type        = bool
  default     = false
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete the bucket with the states in it, and the lock table. Set it, apply, then destroy."
  type        = bool
  default     = false
}
