variable "name" {
  description = "Name of the API, its key and its plan."
  type        = string
}

variable "function" {
  description = "The function that answers: its name and the ARN that API Gateway invokes."
  type        = object({ name = string, invoke_arn = string })
}

variable "throttle" {
  description = "Requests a second, and at once."
  type        = object({ rate = number, burst = number })
}

variable "log_days" {
  description = "Days that access logs are kept."
  type        = number
}

variable "iam" {
  description = "Requests are signed by identities of IAM, instead of coming with an API key."
  type        = bool
}

variable "cors_origins" {
  description = "Origins whose pages may call the API."
  type        = list(string)
}

variable "waf" {
  description = "Put a web application firewall before the API."
  type        = bool
}

variable "own_domain" {
  description = "The API has a name of its own; the one that AWS gives it is then switched off."
  type        = bool
}
