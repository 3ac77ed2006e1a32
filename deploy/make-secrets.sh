#!/bin/sh
# Makes the secrets of docker-compose.yml, one a file, where they are missing; never changes one.
#
#   deploy/make-secrets.sh [FOLDER]      default: deploy/secrets
#
# The folder is for its owner only. The files in it can be read by all, since inside a container they
# are read by an account that this machine does not know. Keep master_key as you keep the database's
# backups, but elsewhere: without it everything private is lost, with it everything can be read.
set -eu
umask 077
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"

random() { # random BYTES: base64 on one line
  head -c "$1" /dev/urandom | base64 | tr -d '\n'
}
word() { # a password that needs no escaping in a DSN
  random 24 | tr '+/' '-_'
}
keep() { # keep NAME VALUE: written whole or not at all
  if [ -e "$folder/$1" ]; then return; fi
  printf '%s' "$2" > "$folder/$1.new"
  chmod 444 "$folder/$1.new"
  mv "$folder/$1.new" "$folder/$1"
  echo "made $folder/$1" >&2
}

keep postgres_password "$(word)"
keep admin_dsn "postgresql://postgres:$(cat "$folder/postgres_password")@postgres:5432/postgres"
for role in intake escalation notifier keys; do
  keep "${role}_dsn" "postgresql://$role:$(word)@postgres:5432/recourse"
done
keep master_key "$(random 32)"
keep grafana_password "$(word)"
