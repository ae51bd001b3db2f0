variable "domain" {
  description = "Host name of the API."
  type        = string
}

variable "zone" {
  description = "Public hosted zone that the name lies in; empty: the name without its first label."
  type        = string
}

variable "rest_api_id" {
  description = "API that answers under the name."
  type        = string
}

variable "stage" {
  description = "Stage of that API."
  type        = string
}
