# The same API on AWS: what there is, and what it is told of each other. docs/aws.md leads through it.

module "storage" {
  source = "./modules/storage"

  name          = var.shared_resource_name
  account_id    = var.account_id
  version_days  = var.version_days
  force_destroy = var.force_destroy
}

module "recognition" {
  source = "./modules/recognition"

  collection = var.shared_resource_name
}

module "functions" {
  source = "./modules/functions"

  name        = var.shared_resource_name
  account_id  = var.account_id
  region      = var.aws_region
  package     = var.package
  bucket      = module.storage.bucket
  table       = module.storage.table
  collection  = module.recognition.collection
  collections = var.collections
  settings    = var.settings
  master_key  = var.master_key
  log_days    = var.log_days
}

module "api" {
  source = "./modules/api"

  name       = var.shared_resource_name
  function   = module.functions.api
  throttle   = var.throttle
  log_days   = var.log_days
  log_role   = var.api_gateway_log_role
  waf        = var.waf
  own_domain = var.domain != ""
}

module "domain" {
  source = "./modules/domain"
  count  = var.domain == "" ? 0 : 1

  domain      = var.domain
  zone        = var.route53_zone
  rest_api_id = module.api.rest_api.id
  stage       = module.api.rest_api.stage
}

module "monitoring" {
  source = "./modules/monitoring"

  name      = var.shared_resource_name
  api       = { name = module.api.rest_api.name, stage = module.api.rest_api.stage }
  functions = module.functions.names
  queues    = module.functions.queues
  table     = module.storage.table.name
  email     = var.alarm_email
}
