# The same API on AWS: what there is, and what it is told of each other. docs/aws.md leads through it.

locals {
  tags = merge(var.tags, { application = var.shared_resource_name })

  # The default collection is always among them.
  collections = distinct(concat(
    [var.shared_resource_name],
    length(var.collections) > 0 ? var.collections : ["${var.shared_resource_name}-*"],
  ))

  # A request takes up to a second; the inbox runs five at once, the housekeeper one.
  concurrency = ceil(var.throttle.rate) + 6
}

module "storage" {
  source = "./modules/storage"

  name          = var.shared_resource_name
  account_id    = var.account_id
  version_days  = var.version_days
  incoming_days = var.incoming_days
  force_destroy = var.force_destroy
}

module "recognition" {
  source = "./modules/recognition"

  collection = var.shared_resource_name
  tags       = local.tags

  providers = {
    aws = aws.untagged
  }
}

module "functions" {
  source = "./modules/functions"

  name               = var.shared_resource_name
  account_id         = var.account_id
  region             = var.aws_region
  package            = var.package
  architecture       = var.architecture
  bucket             = module.storage.bucket
  table              = { name = module.storage.table.name, arn = module.storage.table.arn }
  collection         = module.recognition.collection
  collections        = local.collections
  delete_collections = var.delete_collections
  cors_origins       = var.cors_origins
  settings           = var.settings
  master_key         = var.master_key
  log_days           = var.log_days
}

module "api" {
  source = "./modules/api"

  name         = var.shared_resource_name
  function     = module.functions.api
  throttle     = var.throttle
  log_days     = var.log_days
  iam          = var.authorization == "IAM"
  cors_origins = var.cors_origins
  waf          = var.waf
  own_domain   = var.domain != ""
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

  name        = var.shared_resource_name
  api         = { name = module.api.rest_api.name, stage = module.api.rest_api.stage }
  functions   = module.functions.names
  queues      = module.functions.queues
  table       = { name = module.storage.table.name, indexes = module.storage.table.indexes }
  concurrency = var.lambda_concurrency
  email       = var.alarm_email
}

check "concurrency" {
  assert {
    condition     = local.concurrency <= var.lambda_concurrency
    error_message = "lambda_concurrency: ${var.throttle.rate} requests a second take ${local.concurrency} executions at once, and the account has ${var.lambda_concurrency}. Ask AWS for more (docs/aws.md says how) and set lambda_concurrency, or lower throttle.rate."
  }
}

# Earlier versions had the account's setting for logs in this state. bootstrap/ has it now; here it is forgotten, for to destroy it
# would take the logs from every API of the account and region.
removed {
  from = module.api.aws_api_gateway_account.this

  lifecycle {
    destroy = false
  }
}
