# Three functions of one zip: `api` answers requests, `inbox` indexes what is put into the bucket under incoming/,
# `housekeeper` erases what is too old and what was left half done.

locals {
  # What is wired here comes last: var.settings can't point a function at another table.
  environment = merge(
    { for name, value in var.settings : "KENSPECKLE_${name}" => value },
    length(var.cors_origins) > 0 ? { KENSPECKLE_CORS_ORIGINS = join(",", var.cors_origins) } : {},
    {
      KENSPECKLE_RECOGNIZER     = "rekognition"
      KENSPECKLE_COLLECTION     = var.collection.id
      KENSPECKLE_DYNAMODB_TABLE = var.table.name
      KENSPECKLE_IMAGES_URL     = "s3://${var.bucket.name}/images"
      KENSPECKLE_AWS_REGION     = var.region
      KENSPECKLE_AWS_ACCOUNT_ID = var.account_id
      KENSPECKLE_DATA_DIR       = "/tmp/kenspeckle" # The one folder that a function may write to; nothing lasts there.
    },
  )

  # What the zip is for, as `make lambda` wrote beside it. `destroy` needs no zip, but the provider looks at the arguments then too.
  built = try(
    jsondecode(file(replace(var.package, "/[.]zip$/", ".json"))),
    { runtime = local.runtimes[0], architecture = "x86_64", sha256 = "" },
  )

  # Those that Lambda keeps up for years; deploy/lambda_zip.py has the dates.
  runtimes = ["python3.12", "python3.13", "python3.14"]

  # API Gateway waits 29 seconds at most. A gigabyte is for the share of a core that comes with it.
  functions = {
    api         = { handler = "kenspeckle.lambdas.api.handler", timeout = 29, memory = 1024 }
    housekeeper = { handler = "kenspeckle.lambdas.housekeeper.handler", timeout = 900, memory = 512 }
    inbox       = { handler = "kenspeckle.lambdas.inbox.handler", timeout = 120, memory = 512 }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:Encrypted by CloudWatch; the log holds no pixels, no templates and no secrets.
  #checkov:skip=CKV_AWS_338:Addresses and request ids are personal data: how long they are kept is the operator's decision, var.log_days.
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_days
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:The gateway limits the api, the event source the inbox; a reservation fails in new accounts, which have ten in all.
  #checkov:skip=CKV_AWS_116:API Gateway and SQS wait for the result themselves; events that fail go to the queue beside theirs, and a round of housekeeping is repeated in an hour.
  #checkov:skip=CKV_AWS_117:All that it talks to are AWS services behind IAM. A private network would add a gateway to pay for and nothing to protect.
  #checkov:skip=CKV_AWS_173:The environment holds names and, if the operator chose so, the master key; AWS encrypts it with its own key.
  #checkov:skip=CKV_AWS_272:The zip is built and uploaded by whoever applies this; signing it on the same machine would prove nothing.
  for_each = local.functions

  function_name    = "${var.name}-${each.key}"
  role             = aws_iam_role.this[each.key].arn
  filename         = var.package
  source_code_hash = local.built.sha256
  handler          = each.value.handler
  runtime          = local.built.runtime
  architectures    = [local.built.architecture]
  memory_size      = each.value.memory
  timeout          = each.value.timeout

  environment {
    variables = merge(
      local.environment,
      each.key != "inbox" && var.master_key != "" ? { KENSPECKLE_MASTER_KEY = var.master_key } : {},
    )
  }

  logging_config {
    log_format = "Text" # The service writes JSON lines itself.
    log_group  = aws_cloudwatch_log_group.this[each.key].name
  }

  tracing_config {
    mode = "PassThrough"
  }

  depends_on = [aws_iam_role_policy.this]

  lifecycle {
    precondition {
      condition     = fileexists(var.package) && local.built.sha256 != ""
      error_message = "package: there is no zip ${var.package} with its .json beside it. `make lambda` builds both."
    }

    precondition {
      condition     = !fileexists(var.package) || local.built.sha256 == "" || try(filebase64sha256(var.package), "") == local.built.sha256
      error_message = "package: the .json beside ${var.package} describes another zip. Build both again with `make lambda`."
    }

    precondition {
      condition     = local.built.sha256 == "" || contains(local.runtimes, local.built.runtime)
      error_message = "package: the zip is for ${local.built.runtime}, which Lambda gives up soon or has not. `make lambda` builds for ${reverse(local.runtimes)[0]}."
    }

    precondition {
      condition     = local.built.sha256 == "" || contains(var.architecture == "" ? ["x86_64", "arm64"] : [var.architecture], local.built.architecture)
      error_message = "package: the zip is for ${local.built.architecture} and not for ${coalesce(var.architecture, "x86_64 or arm64")}. Build it with `make lambda LAMBDA_ARCH=${coalesce(var.architecture, "x86_64")}`."
    }
  }
}
