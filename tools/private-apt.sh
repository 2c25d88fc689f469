# Sourced, not run. Packages of another Debian suite, without touching the machine's own package state.
#
# private_apt FOLDER SUITE deb|deb-src: sets the array APT to an apt-get command that knows only SUITE,
# keeps its state in FOLDER and has its lists (fetched at the first call). The mirror is the one that this machine's own
# apt uses for its own suite; apt checks the index's signature.
private_apt() {
  local folder=$1 suite=$2 type=$3 own mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  mirror=$(apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)' \
    | awk -v suite="$own" '$1 == "Packages" && $2 == suite && $3 == "main" { print $4; exit }')
  if [ -z "$mirror" ] || [ ! -f "$keyring" ]; then
    echo "This machine's apt has no Debian mirror for its suite '$own', or debian-archive-keyring is missing." >&2
    return 1
  fi
  local new=; [ -d "$folder" ] || new=1
  mkdir -p "$folder"/{lists/partial,cache/archives/partial,state}
  : > "$folder/state/status"
  echo "$type [signed-by=$keyring] $mirror $suite main" > "$folder/sources.list"
  APT=(apt-get -qq
    -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
    -o Dir::State="$folder/state" -o Dir::State::Lists="$folder/lists" -o Dir::State::status="$folder/state/status"
    -o Dir::Cache="$folder/cache" -o APT::Install-Recommends=false
    -o Debug::NoLocking=1 -o APT::Sandbox::User=root)  # no lock and no change of user: the folder is ours
  [ -z "$new" ] || "${APT[@]}" update
}
