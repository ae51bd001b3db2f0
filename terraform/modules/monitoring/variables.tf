variable "name" {
  description = "Beginning of the alarms' names and name of the dashboard."
  type        = string
}

variable "api" {
  description = "Name of the REST API and its stage."
  type        = object({ name = string, stage = string })
}

variable "functions" {
  description = "Names of the functions, by what they do."
  type        = map(string)
}

variable "queues" {
  description = "Names of the queue of events and of the one of events that failed for good."
  type        = object({ events = string, failed = string })
}

variable "table" {
  description = "Names of the table of faces and of its indexes."
  type        = object({ name = string, indexes = list(string) })
}

variable "concurrency" {
  description = "Executions at once that Lambda has for all functions of the account and region."
  type        = number
}

variable "email" {
  description = "Address that alarms are mailed to; empty: none."
  type        = string
}
