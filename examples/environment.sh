# Addresses of a running `npm start`, and a key, for the examples. To be read into a shell, at the root of the checkout:
#
#     . examples/environment.sh
#
# What is set already stays as it is.

_postlane_status="$(npx postlane status --json)" || return 1
_postlane_value() { printf '%s' "$_postlane_status" | npx node -p "[JSON.parse(fs.readFileSync(0)).$1].join()"; }
export KAFKA_BROKERS="${KAFKA_BROKERS:-$(_postlane_value brokers)}"
export SCHEMA_REGISTRY_URL="${SCHEMA_REGISTRY_URL:-$(_postlane_value schemaRegistry)}"
export POSTLANE_URL="${POSTLANE_URL:-$(_postlane_value api)}"
export POSTLANE_SMTP="${POSTLANE_SMTP:-$(_postlane_value submission)}"
export POSTLANE_SMTP_CERTIFICATE="${POSTLANE_SMTP_CERTIFICATE:-$(_postlane_value submissionCertificate)}"
export POSTLANE_KEY="${POSTLANE_KEY:-$(npx postlane keys create examples)}"
