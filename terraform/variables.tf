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
    condition = contains([
      "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-southeast-5", "ap-southeast-7",
      "ca-central-1", "eu-central-1", "eu-south-2", "eu-west-1", "eu-west-2", "il-central-1", "sa-east-1",
      "us-east-1", "us-east-2", "us-gov-west-1", "us-west-1", "us-west-2",
    ], var.aws_region)
    error_message = "aws_region: the code of a region that has Amazon Rekognition, such as eu-west-1; variables.tf lists them."
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

  validation {
    condition     = !can(regex("^(xn--|sthree-|amzn-s3-demo-)", var.shared_resource_name))
    error_message = "shared_resource_name: S3 keeps names that begin with xn--, sthree- or amzn-s3-demo- to itself; begin it otherwise."
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

  validation {
    condition     = length(var.domain) <= 64
    error_message = "domain: at most 64 characters, as the name that a certificate of ACM is for."
  }
}

variable "route53_zone" {
  description = "Public hosted zone in this account that the domain lies in; empty: the domain without its first label."
  type        = string
  default     = ""

  validation {
    condition     = var.route53_zone == "" || var.domain == var.route53_zone || endswith(var.domain, ".${var.route53_zone}")
    error_message = "route53_zone: the domain has to lie in it: faces.example.org lies in example.org. No dot at the end, no id of the zone."
  }

  validation {
    condition     = var.domain == "" || var.route53_zone != "" || length(split(".", var.domain)) > 2
    error_message = "route53_zone: the zone of ${var.domain} can't be guessed from two labels: name it."
  }
}

variable "package" {
  description = "Zip of the functions, made by `make lambda`; a path seen from this folder."
  type        = string
  default     = "../dist/kenspeckle-lambda.zip"

  validation {
    condition     = endswith(var.package, ".zip")
    error_message = "package: the path of a .zip, which `make lambda` builds."
  }
}

variable "architecture" {
  description = "Processor that the zip has to be for, x86_64 or arm64; empty: the one that it is for."
  type        = string
  default     = ""

  validation {
    condition     = contains(["", "x86_64", "arm64"], var.architecture)
    error_message = "architecture: x86_64, arm64 or nothing."
  }
}

variable "settings" {
  description = "Further settings of Kenspeckle, without the prefix: { FACE_MATCH_THRESHOLD = \"90\" }. No secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "settings: names in capitals without KENSPECKLE_, such as MAX_FACES; docs/settings.md lists them."
  }

  validation {
    condition = length(setintersection(keys(var.settings), [
      "AWS_ACCOUNT_ID", "AWS_REGION", "COLLECTION", "CORS_ORIGINS", "DATA_DIR", "DYNAMODB_TABLE", "IMAGES_URL", "MASTER_KEY", "RECOGNIZER",
    ])) == 0
    error_message = "settings: RECOGNIZER, COLLECTION, DYNAMODB_TABLE, IMAGES_URL, AWS_REGION, AWS_ACCOUNT_ID and DATA_DIR are set from what is made here; MASTER_KEY and CORS_ORIGINS are the inputs master_key and cors_origins."
  }

  validation {
    condition     = sum(concat([0], [for name, value in var.settings : length(base64encode("KENSPECKLE_${name}${value}")) * 3 / 4])) <= 3000
    error_message = "settings: names and values have more than 3,000 bytes in all; Lambda takes 4 KB of environment."
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
  description = "Collections that the API may use besides the default one, which is named like the installation: ids, or patterns with *. Empty: those whose ids begin with its name and a hyphen."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.collections : can(regex("^[A-Za-z0-9_.*-]{1,255}$", id))])
    error_message = "collections: ids of collections or patterns of them, such as [\"acme-*\", \"visitors\"]; [\"*\"] is every collection of the account."
  }

  validation {
    condition     = length(var.collections) <= 20
    error_message = "collections: at most 20 ids and patterns, for a policy of IAM has 10,240 characters. Use a pattern."
  }

  # An ARN has up to 70 characters more than the id.
  validation {
    condition     = !var.delete_collections || sum(concat([0], [for id in var.collections : length(id) + 70])) <= 4000
    error_message = "collections: with delete_collections they are named twice in a policy of IAM, which has 10,240 characters. Name fewer, or use a pattern."
  }
}

variable "delete_collections" {
  description = "Let the API delete collections, with all faces in them. Rekognition has no backup of them."
  type        = bool
  default     = false
}

variable "authorization" {
  description = "Who may call the API: API_KEY, whoever has the key, or IAM, identities of AWS that may execute-api:Invoke on it."
  type        = string
  default     = "API_KEY"

  validation {
    condition     = contains(["API_KEY", "IAM"], var.authorization)
    error_message = "authorization: API_KEY or IAM."
  }
}

variable "cors_origins" {
  description = "Origins whose pages may call the API from a browser, such as https://app.example.org; empty: none."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$", origin))])
    error_message = "cors_origins: scheme, host and port in lower case without a path, such as [\"https://app.example.org\"]; * is not taken."
  }

  validation {
    condition     = length(join(",", var.cors_origins)) <= 500
    error_message = "cors_origins: more than 500 characters in all; Lambda takes 4 KB of environment."
  }
}

variable "throttle" {
  description = "Requests a second that the API takes, and at once. Above, it answers 429."
  type        = object({ rate = number, burst = number })
  default     = { rate = 10, burst = 25 }

  validation {
    condition     = var.throttle.rate > 0 && var.throttle.rate <= 10000 && var.throttle.burst >= 1 && var.throttle.burst <= 5000 && floor(var.throttle.burst) == var.throttle.burst
    error_message = "throttle: a rate above 0 and up to 10,000 and a whole burst of 1 to 5,000, which is what API Gateway has, such as { rate = 10, burst = 25 }."
  }
}

variable "lambda_concurrency" {
  description = "Executions at once that Lambda has in this account and region: `aws lambda get-account-settings --query AccountLimit.ConcurrentExecutions`. An alarm tells of four fifths of them."
  type        = number
  default     = 10 # Of a new account.

  validation {
    condition     = var.lambda_concurrency >= 1 && floor(var.lambda_concurrency) == var.lambda_concurrency
    error_message = "lambda_concurrency: a whole number of at least 1; a new account has 10, others 1000."
  }
}

variable "log_days" {
  description = "Days that logs are kept: one of the numbers that CloudWatch takes."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "version_days" {
  description = "Days for which a photograph that was erased or overwritten can still be brought back from its older version."
  type        = number
  default     = 7

  validation {
    condition     = var.version_days >= 1 && var.version_days <= 3650 && floor(var.version_days) == var.version_days
    error_message = "version_days: a whole number of 1 to 3650. Erasure is complete only when they are over."
  }
}

variable "incoming_days" {
  description = "Days after which a photograph is removed from incoming/ that could not be indexed."
  type        = number
  default     = 13

  validation {
    condition     = var.incoming_days >= 1 && var.incoming_days <= 13 && floor(var.incoming_days) == var.incoming_days
    error_message = "incoming_days: a whole number of 1 to 13. The alarm about what could not be indexed lasts 14 days, and a photograph should not lie there longer unseen."
  }
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete photographs and faces with everything else. Set it, apply (-target=module.storage is enough), then destroy."
  type        = bool
  default     = false
}

variable "waf" {
  description = "Put a web application firewall before the API; it costs 7 dollars a month and is billed by request."
  type        = bool
  default     = false
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

  validation {
    condition = alltrue([for name, value in var.tags : (
      can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}$", name)) && can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{0,256}$", value))
    )])
    error_message = "tags: names of 1 to 128 and values of up to 256 letters, digits, spaces and _.:/=+-@."
  }

  validation {
    condition     = alltrue([for name in keys(var.tags) : lower(name) != "application" && !startswith(lower(name), "aws:")])
    error_message = "tags: `application` is the installation's own, by which it is found, and names that begin with aws: are AWS's."
  }

  validation {
    condition     = length(distinct([for name in keys(var.tags) : lower(name)])) == length(var.tags)
    error_message = "tags: two names differ in capitals alone, which are one to IAM."
  }

  validation {
    condition     = length(var.tags) <= 40
    error_message = "tags: at most 40; AWS takes 50 of a thing."
  }
}
