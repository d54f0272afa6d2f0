# Addresses of a running `npm start`, and a key, for the examples. To be read into a shell, at the root of the checkout:
#
#     . examples/environment.sh
#
# What is set already stays as it is.

# `npx` would take longer to find these than they take to run.
_postlane_status="$(node bin/postlane.cjs status --json)" || return 1
eval "$(printf '%s' "$_postlane_status" | node -e '
  const status = JSON.parse(fs.readFileSync(0));
  const quoted = (text) => "\x27" + text.replaceAll("\x27", "\x27\\\x27\x27") + "\x27";
  for (const [name, value] of [
    ["KAFKA_BROKERS", status.brokers],
    ["SCHEMA_REGISTRY_URL", status.schemaRegistry],
    ["POSTLANE_URL", status.api],
    ["POSTLANE_SMTP", status.submission],
    ["POSTLANE_SMTP_CERTIFICATE", status.submissionCertificate],
  ])
    if (!process.env[name]) console.log(`export ${name}=${quoted([value].join())}`);
')"
export POSTLANE_KEY="${POSTLANE_KEY:-$(node bin/postlane.cjs keys create examples)}"
