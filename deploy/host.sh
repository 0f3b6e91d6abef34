#!/bin/sh
# The part of deploy.sh that runs on the host. It comes with each release and needs what every Linux with systemd has, and nothing else.
# Every value was checked by deploy/settings.ts: there is no character in one that a shell could misread.
#
#   host.sh probe                                            what kind of machine, and of service, this is
#   host.sh runtime NAME SHA256                              takes the Node for the releases from standard input
#   host.sh activate RELEASE                                 switches to it, starts it, and goes back if it does not come up
#   host.sh back RELEASE                                     goes back from it, if it is still the current one
#   host.sh prune RELEASE KEEP                               removes the oldest releases
#
# Environment: DIR (REMOTE_DIR), SERVICE, and for activate HOST, PORT, DATA_DIR, PRIVILEGED (yes, no), RUNTIME (a NAME).
# Exit: 0 done, 1 not possible and nothing changed, 10 it did not come up and the one before runs again, 11 nothing runs now.
set -eu
umask 022
# A connection that breaks must not leave half of it done.
trap '' HUP PIPE

READY_SECONDS=${READY_SECONDS:-45}

say() { printf '%s\n' "  $*" || :; }
fail() { printf '%s\n' "deploy.sh: $*" >&2 || :; exit 1; }

# --- what this host is -------------------------------------------------------------------------------------------------------

if [ "$(id -u)" -eq 0 ]; then
  KIND=root
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  KIND=sudo
else
  KIND=user
fi

as_root() { if [ "$KIND" = sudo ]; then sudo -n "$@"; else "$@"; fi; }

if [ "$KIND" = user ]; then
  UNITS="${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user"
  XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"
  export XDG_RUNTIME_DIR
  # Nothing that is started may keep our lock (9).
  service() { systemctl --user "$@" 9>&-; }
else
  UNITS=/etc/systemd/system
  service() { as_root systemctl "$@" 9>&-; }
fi

journal() { if [ "$KIND" = user ]; then journalctl --user "$@"; else as_root journalctl "$@"; fi; }

# Who the exchange runs as: never root.
account() { if [ "$KIND" = root ]; then printf '%s' "$SERVICE"; else id -un; fi; }

probe() {
  case "$(uname -s) $(uname -m)" in
    'Linux x86_64') platform=linux-x64 ;;
    'Linux aarch64') platform=linux-arm64 ;;
    *) fail "the host is a $(uname -s) on $(uname -m): it takes Linux on x86_64 or aarch64." ;;
  esac
  libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || fail 'the host has no glibc: it takes a Linux with glibc 2.31 or newer, which Alpine is not.'
  case "${libc#glibc }" in
    2.[0-9] | 2.[12][0-9] | 2.30) fail "the host has $libc: it takes 2.31 or newer." ;;
  esac
  command -v systemctl >/dev/null 2>&1 || fail 'the host has no systemd: install it, or run the file by whatever starts services there.'
  if [ "$KIND" = root ]; then
    has_account || :
    case "$DIR/" in /root/*) fail "REMOTE_DIR is below /root, where only root can go: take one such as /opt/$SERVICE." ;; esac
  fi
  for tool in tar sha256sum ln mv flock; do
    command -v "$tool" >/dev/null 2>&1 || fail "the host has no $tool: install it."
  done
  { mkdir -p "$DIR/releases" "$DIR/runtime" 2>/dev/null && [ -w "$DIR/releases" ]; } ||
    fail "REMOTE_DIR $DIR cannot be made or written to by $(id -un): let root make it once, and give it to $(id -un)."
  linger
  say "$platform, $libc, service of $([ "$KIND" = user ] && echo "the user $(id -un)" || echo "the machine, as $(account)")"
  printf 'platform=%s\n' "$platform"
  for node in "$DIR"/runtime/*; do [ -f "$node" ] && printf 'runtime=%s\n' "${node##*/}"; done
  return 0
}

# --- the Node that releases share: a hard link each, so that the last one to go takes it along ---------------------------------

runtime() {
  draft="$DIR/runtime/.$1.$$"
  trap 'rm -f "$draft"' EXIT
  cat >"$draft"
  [ "$(sha256sum <"$draft")" = "$2  -" ] || fail 'the runtime did not arrive as it was sent: try again.'
  chmod 755 "$draft"
  "$draft" --version >/dev/null 2>&1 || fail 'the runtime does not start on the host: is something missing that Node needs, such as libstdc++6?'
  mv "$draft" "$DIR/runtime/$1"
}

# --- one release ---------------------------------------------------------------------------------------------------------------

# Whether this user's services may have namespaces: a service is started that has all of the sandbox and does nothing. (systemd-run could
# do this in a line, and needs a bus that small hosts do not have.)
may_sandbox() {
  probe=$SERVICE-probe.service
  mkdir -p "$UNITS"
  {
    printf '[Service]\nType=oneshot\nExecStart=/bin/true\n'
    sed -n -e 's/^#sandbox //' -e "s|@WRITES@|$DIR|" -e '/^\(Private\|Protect\|ReadWritePaths\)/p' "$1"
  } >"$UNITS/$probe"
  may=yes
  { service daemon-reload && service start "$probe"; } 2>/dev/null || may=no
  rm -f "$UNITS/$probe"
  service daemon-reload
  service reset-failed "$probe" 2>/dev/null || :
  [ "$may" = yes ]
}

# The unit of a release is kept with it: going back brings back the unit, too.
write_unit() {
  template=$1/system.service
  sandbox='/^#sandbox /d'
  if [ "$KIND" = user ]; then
    template=$1/user.service
    if may_sandbox "$template"; then sandbox='s/^#sandbox //'; fi
  fi
  writes="$DIR/logs $DIR/cache"
  [ "$DATA_DIR" = memory ] || writes="$DATA_DIR $writes"
  # What lies below a home has to be seen; what else lies there has not to be written.
  case " $DIR/ $DATA_DIR/" in *" /home/"* | *" /root/"*) home=read-only ;; *) home=yes ;; esac
  capabilities=''
  [ "$PRIVILEGED" = no ] || capabilities=CAP_NET_BIND_SERVICE
  sed -e "$sandbox" -e "s|@DIR@|$DIR|g" -e "s|@USER@|$(account)|" -e "s|@HOST@|$HOST|" -e "s|@PORT@|$PORT|" \
    -e "s|@DATA_DIR@|$DATA_DIR|" -e "s|@WRITES@|$writes|" -e "s|@HOME@|$home|" -e "s|@CAPABILITIES@|$capabilities|" \
    "$template" >"$1/unit"
}

# Whether there is the account already, ours by its home.
has_account() {
  known=$(getent passwd "$SERVICE") || return 1
  [ "$(printf '%s' "$known" | cut -d: -f6)" = "$DIR" ] ||
    fail "there is an account $SERVICE already, and it is somebody else's: take another SERVICE_NAME."
}

make_account() {
  if [ "$KIND" != root ] || has_account; then return 0; fi
  useradd --system --user-group --no-create-home --home-dir "$DIR" --shell /usr/sbin/nologin "$SERVICE"
  say "made the account $SERVICE"
}

make_folders() {
  if [ "$DATA_DIR" != memory ]; then
    refuse_others "$DATA_DIR"
    own_folder 700 "$DATA_DIR"
  fi
  own_folder 750 "$DIR/logs"
  own_folder 700 "$DIR/cache"
}

# A slip in DATA_DIR must not take a folder from those who use it.
refuse_others() {
  if [ ! -d "$1" ] || [ "$(stat -Lc %u "$1")" = "$(id -u "$(account)")" ]; then return 0; fi
  held=$(ls -A "$1" 2>/dev/null) || held='nobody knows what'
  [ -z "$held" ] ||
    fail "DATA_DIR $1 is not empty and belongs to $(stat -Lc %U "$1"): take another folder, or give it to $(account) with all that is in it."
}

own_folder() {
  if [ "$KIND" = root ]; then install -d -m "$1" -o "$SERVICE" -g "$SERVICE" "$2"; else install -d -m "$1" "$2"; fi ||
    fail "$2 cannot be made by $(id -un): let root make it once, and give it to $(id -un)."
}

# A user's services end when the user logs out, unless they may linger.
linger() {
  [ "$KIND" = user ] || return 0
  [ "$(loginctl show-user "$(id -un)" --property=Linger --value 2>/dev/null)" = yes ] || loginctl enable-linger 2>/dev/null ||
    fail "the exchange would end when $(id -un) logs out: let root run this once: loginctl enable-linger $(id -un)"
}

current() { readlink "$DIR/current" 2>/dev/null | sed 's|^releases/||'; }

switch_to() {
  ln -sfn "releases/$1" "$DIR/.current.new" &&
    mv -T "$DIR/.current.new" "$DIR/current" &&
    { [ "$KIND" != user ] || mkdir -p "$UNITS"; } &&
    as_root install -m 644 "$DIR/releases/$1/unit" "$UNITS/$SERVICE.service" &&
    service daemon-reload &&
    service enable --quiet "$SERVICE.service"
}

# Whether the current release becomes ready. What it said is shown if not.
comes_up() {
  service restart "$SERVICE.service" || :
  address=$(sed -n 's/^Environment=HOST=\([^ ]*\) PORT=\([^ ]*\) .*/HOST=\1 PORT=\2/p' "$DIR/current/unit")
  seconds=0
  while [ "$seconds" -lt "$READY_SECONDS" ]; do
    # shellcheck disable=SC2086 # two words, on purpose
    if (cd "$DIR/current" && env -i $address ./node magi-exchange.mjs health) >/dev/null 2>&1 &&
      service is-active --quiet "$SERVICE.service"; then
      return 0
    fi
    if service is-failed --quiet "$SERVICE.service"; then break; fi
    restarts=$(service show --property=NRestarts --value "$SERVICE.service" 2>/dev/null || :)
    if [ "${restarts:-0}" -ge 3 ]; then break; fi
    sleep 1
    seconds=$((seconds + 1))
  done
  say 'it is not ready. What the service says:'
  journal --no-pager --output=cat --lines=30 --unit="$SERVICE.service" 2>&1 | sed 's/^/    /' || :
  if [ -f "$DIR/logs/server.log" ]; then
    say 'and the end of logs/server.log:'
    as_root tail -n 10 "$DIR/logs/server.log" | sed 's/^/    /' || :
  fi
  return 1
}

# `go_back RELEASE`, or to nothing.
go_back() {
  if [ -z "$1" ]; then
    service disable --now --quiet "$SERVICE.service" || :
    as_root rm -f "$UNITS/$SERVICE.service"
    service daemon-reload || :
    rm -f "$DIR/current"
    say 'there is no release before it: the service is stopped and removed, DATA_DIR is left as it is'
    exit 11
  fi
  if switch_to "$1" && comes_up; then
    say "went back to $1, which is ready"
    exit 10
  fi
  say "went back to $1, which is not ready either"
  exit 11
}

lock() {
  exec 9>"$DIR/.lock"
  flock -n 9 || fail 'another deployment to this folder is under way.'
}

activate() {
  lock
  release=$DIR/releases/$1
  ln "$DIR/runtime/$RUNTIME" "$release/node"
  make_account
  make_folders
  # The group of an account that we have made has nobody else in it; that of a user may be everybody's.
  if [ "$KIND" = root ]; then
    chgrp "$SERVICE" "$release/.env"
    chmod 640 "$release/.env"
  else
    chmod 600 "$release/.env"
  fi
  write_unit "$release"
  before=$(current)
  printf '%s' "$before" >"$release/before"
  if switch_to "$1" && comes_up; then
    say "$1 is ready on the host"
  else
    go_back "$before"
  fi
}

back() {
  lock
  [ "$(current)" = "$1" ] || fail "$1 is not the current release any more: somebody else has deployed meanwhile."
  go_back "$(cat "$DIR/releases/$1/before")"
}

# Keeps the newest KEEP, and whatever happens the current one and the one before it.
prune() {
  lock
  before=$(cat "$DIR/releases/$1/before" 2>/dev/null || :)
  keep=$2
  # The names begin with the time, so the order of names is that of time.
  set -- "$DIR"/releases/*
  while [ $# -gt "$keep" ]; do
    name=${1##*/}
    if [ "$name" != "$(current)" ] && [ "$name" != "$before" ]; then
      rm -rf "$1"
      say "removed $name"
    fi
    shift
  done
  find "$DIR/runtime" -type f -links 1 -exec rm -f {} +
}

"$@"
