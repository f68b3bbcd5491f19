#!/bin/sh
# Boots an ELF file on the emulated board: qemu.sh FILE [ARGUMENT...]
#
# The arguments reach the firmware as its semihosting command line, its exit code becomes this script's. The network is
# QEMU's own user-mode one unless GATEPOST_NET says otherwise, for example "tap,ifname=tap0,script=no,downscript=no".
set -eu
program=$1
shift
arguments="arg=$(basename "$program")"
for word in "$@"; do
    # QEMU reads a doubled comma as a comma.
    arguments="$arguments,arg=$(printf %s "$word" | sed 's/,/,,/g')"
done
exec timeout "${GATEPOST_SECONDS:-120}" qemu-system-arm -machine mps2-an385 -nographic -monitor none -serial none \
    -nic "${GATEPOST_NET:-user},model=lan9118" \
    -semihosting-config "enable=on,target=native,$arguments" -kernel "$program"
