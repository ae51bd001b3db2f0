# What API Gateway refuses by itself is said as Kenspeckle says it: the same statuses, codes and members.

locals {
  refusals = {
    INVALID_API_KEY              = { status = 401, code = "unauthenticated", title = "A valid key is needed", detail = "Send the API key in the header x-api-key." }
    MISSING_AUTHENTICATION_TOKEN = var.iam ? local.unsigned : local.no_route
    INVALID_SIGNATURE            = { status = 401, code = "unauthenticated", title = "A valid key is needed", detail = "The signature does not fit the request: sign it for the service execute-api in this region." }
    EXPIRED_TOKEN                = { status = 401, code = "unauthenticated", title = "A valid key is needed", detail = "The credentials that signed the request have expired." }
    ACCESS_DENIED                = { status = 403, code = "forbidden", title = "The key lacks the right", detail = "The identity that signed the request needs the right execute-api:Invoke on this API." }
    BAD_REQUEST_PARAMETERS       = { status = 422, code = "invalid_value", title = "A value breaks a rule", detail = "A parameter of the path is missing." }
    REQUEST_TOO_LARGE            = { status = 413, code = "image_too_large", title = "The image is too large", detail = local.too_large }
    THROTTLED                    = { status = 429, code = "rate_limited", title = "Too many requests", detail = "The rate of this key or of the API is spent. Wait a second and send it again." }
    QUOTA_EXCEEDED               = { status = 429, code = "rate_limited", title = "Too many requests", detail = "The quota of this key is spent." }
    WAF_FILTERED                 = { status = 403, code = "forbidden", title = "The key lacks the right", detail = "The firewall before the API refused the request." }
    INTEGRATION_TIMEOUT          = { status = 503, code = "overloaded", title = "The server is busy", detail = "There was no answer in time. Send it again; what was indexed is not indexed twice." }
    INTEGRATION_FAILURE          = { status = 503, code = "overloaded", title = "The server is busy", detail = "The function could not be reached. Send it again." }
    DEFAULT_4XX                  = { status = null, code = "bad_request", title = "The request can't be read", detail = "API Gateway could not pass the request on. ${local.too_large}" }
    DEFAULT_5XX                  = { status = null, code = "internal_error", title = "An unexpected error", detail = "Something went wrong on the server. Its log has more under this request id." }
  }

  no_route  = { status = 404, code = "not_found", title = "Not found", detail = "There is no such route, or it does not know this method." }
  unsigned  = { status = 401, code = "unauthenticated", title = "A valid key is needed", detail = "Sign the request with credentials of AWS (Signature Version 4, service execute-api). Routes that are not there are answered so too." }
  too_large = "A photograph may have 4.5 MB as it is and 3.5 MB as base64 text; larger ones go into the bucket."

  # Pages of other sites read a refusal only where it says that they may. It is the same for everybody and has nothing of the account in
  # it, so that of several origins none has to be picked, which API Gateway could not do.
  headers = length(var.cors_origins) == 0 ? {} : {
    "gatewayresponse.header.access-control-allow-origin"   = "'${length(var.cors_origins) == 1 ? var.cors_origins[0] : "*"}'"
    "gatewayresponse.header.access-control-expose-headers" = "'x-request-id,retry-after'"
  }
}

resource "aws_api_gateway_gateway_response" "this" {
  for_each = local.refusals

  rest_api_id   = aws_api_gateway_rest_api.this.id
  response_type = each.key
  status_code   = each.value.status == null ? null : tostring(each.value.status)

  response_parameters = merge(
    { "gatewayresponse.header.x-request-id" = "context.requestId" },
    contains([429, 503], coalesce(each.value.status, 0)) ? { "gatewayresponse.header.retry-after" = "'1'" } : {},
    local.headers,
  )

  # Not VTL: only $context variables are put in. A status that is not set here stays the gateway's own, and so out of the body.
  # Elsewhere `type` points at /docs, which the gateway has not.
  response_templates = {
    "application/json" = jsonencode(merge(
      {
        type       = "about:blank"
        title      = each.value.title
        code       = each.value.code
        detail     = each.value.detail
        request_id = "$context.requestId"
      },
      each.value.status == null ? {} : { status = each.value.status },
    ))
  }
}
