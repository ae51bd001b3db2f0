variable "account_id" {
  description = "Number of the AWS account; Terraform refuses to work in another one."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id: 12 digits, as `aws sts get-caller-identity --query Account` prints them."
  }
}

variable "aws_region" {
  description = "Region of everything, one in which Rekognition's face collections are offered. Faces do not leave it."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region: a region's code, such as eu-west-1."
  }
}

variable "shared_resource_name" {
  description = "Name, or beginning of the name, of everything that is made; two installations in one account need two."
  type        = string
  default     = "kenspeckle"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.shared_resource_name))
    error_message = "shared_resource_name: 3 to 30 lower-case letters, digits and hyphens, a letter first, no hyphen last."
  }
}

variable "domain" {
  description = "Host name of the API, such as faces.example.org; empty: the name that AWS gives it."
  type        = string
  default     = ""

  validation {
    condition     = var.domain == "" || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.domain))
    error_message = "domain: a host name in lower case without scheme and path, such as faces.example.org, or nothing."
  }
}

variable "route53_zone" {
  description = "Public hosted zone in this account that the domain lies in; empty: the domain without its first label."
  type        = string
  default     = ""
}

variable "package" {
  description = "Zip of the functions, made by `make lambda`; a path seen from this folder."
  type        = string
  default     = "../dist/kenspeckle-lambda.zip"

  validation {
    condition     = endswith(var.package, ".zip") && fileexists(var.package)
    error_message = "package: there is no such zip. `make lambda` builds it."
  }
}

variable "settings" {
  description = "Further settings of Kenspeckle, without the prefix: { FACE_MATCH_THRESHOLD = \"90\" }. No secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "settings: names in capitals without KENSPECKLE_, such as MAX_FACES; docs/operations.md lists them."
  }
}

variable "master_key" {
  description = "Key that receipts of erasure are signed with; empty: they are not. Give it as TF_VAR_master_key; it is kept in the state and in the function's environment."
  type        = string
  default     = ""
  sensitive   = true

  validation {
    condition     = var.master_key == "" || can(regex("^([0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=)$", var.master_key))
    error_message = "master_key: 64 hex digits, as `openssl rand -hex 32` prints them, or 32 bytes in base64."
  }
}

variable "collections" {
  description = "Collections that the API may use, besides creating one: ids, or patterns with *. Narrow it where others use Rekognition in this account."
  type        = list(string)
  default     = ["*"]

  validation {
    condition     = length(var.collections) > 0 && alltrue([for id in var.collections : can(regex("^[A-Za-z0-9_.*-]{1,255}$", id))])
    error_message = "collections: ids of collections or patterns of them, such as [\"kenspeckle\", \"kenspeckle-*\"]."
  }
}

variable "throttle" {
  description = "Requests a second that the API takes, and at once. Above, it answers 429."
  type        = object({ rate = number, burst = number })
  default     = { rate = 10, burst = 25 }

  validation {
    condition     = var.throttle.rate > 0 && var.throttle.burst >= 1 && floor(var.throttle.burst) == var.throttle.burst
    error_message = "throttle: a rate above 0 and a whole burst of at least 1, such as { rate = 10, burst = 25 }."
  }
}

variable "log_days" {
  description = "Days that logs are kept: one of the numbers that CloudWatch takes."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827], var.log_days)
    error_message = "log_days: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096 or 1827."
  }
}

variable "version_days" {
  description = "Days for which a photograph that was erased or overwritten can still be brought back from its older version."
  type        = number
  default     = 7

  validation {
    condition     = var.version_days >= 1 && floor(var.version_days) == var.version_days
    error_message = "version_days: a whole number of at least 1. Erasure is complete only when they are over."
  }
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete photographs and faces with everything else. Set it, apply, then destroy."
  type        = bool
  default     = false
}

variable "waf" {
  description = "Put a web application firewall before the API; it costs 7 dollars a month and is billed by request."
  type        = bool
  default     = false
}

variable "api_gateway_log_role" {
  description = "Give API Gateway its role for logs. AWS has one for account and region together: false where it is set already."
  type        = bool
  default     = true
}

variable "alarm_email" {
  description = "Address that alarms are mailed to, after it has confirmed; empty: they are seen in the console only."
  type        = string
  default     = ""

  validation {
    condition     = var.alarm_email == "" || can(regex("^[^@\\s]+@[^@\\s]+$", var.alarm_email))
    error_message = "alarm_email: an e-mail address, or nothing."
  }
}

variable "tags" {
  description = "Tags of everything, besides `application`."
  type        = map(string)
  default     = {}
}
