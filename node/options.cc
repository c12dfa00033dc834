#include "node/options.h"

#include <algorithm>
#include <bit>

namespace vortex::node {

namespace {

Status check_zone(const std::string& zone) {
  if (zone.size() > dht::kZoneNameMax)
    return Error(Code::bad_config, "it is longer than " + std::to_string(dht::kZoneNameMax) + " bytes");
  auto allowed = [](char c) { return c > ' ' && c < 127; };
  if (!std::ranges::all_of(zone, allowed)) return Error(Code::bad_config, "it has a space or a control character");
  return Status();
}

Result<std::vector<Address>> addresses_in(std::string_view text) {
  std::vector<Address> addresses;
  while (!text.empty()) {
    std::size_t end = std::min(text.find(','), text.size());
    ASSIGN_OR_RETURN(Address address, Address::parse(text.substr(0, end)));
    addresses.push_back(std::move(address));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return addresses;
}

Status check_contact(const std::string& contact) {
  auto addresses = addresses_in(contact);
  return addresses.ok() ? Status() : Status(Error(Code::bad_config, std::string(addresses.error().message())));
}

Error wrong(const std::string& name, const std::string& why) {
  return Error(Code::bad_config, "setting \"" + name + "\": " + why);
}

}  // namespace

NodeOptions::NodeOptions() {
  listen.host = "0.0.0.0";
  listen.port = kDefaultPort;
}

void declare(Settings& settings, NodeOptions& options) {
  settings.text("data", options.data, "directory of everything this node keeps");
  settings.text("meta-dir", options.meta_dir, "directory of the metadata, where it is on another disk");
  settings.flag("create", options.create, "begin a new cluster with this node");
  settings.text("join", options.join, "join a cluster: a token, or a file that holds one");
  settings.address("listen", options.listen, "where to accept connections");
  settings.address("advertise", options.advertise, "where others reach this node, if not at --listen");
  settings.choice("topology", options.topology,
                  {{"all-to-all", dht::Topology::all_to_all}, {"ring", dht::Topology::ring}},
                  "who talks to whom unasked; with --create");
  settings.choice("transport", options.transport, {{"tls", net::Transport::tls}, {"plain", net::Transport::plain}},
                  "plain only where all is trusted");
  settings.text("contact", options.contact, "host:port of members to ask where the cluster is, with commas",
                &check_contact);
  settings.text("zone", options.zone, "what fails together: a rack, a room; copies go to different zones", &check_zone);
  settings.size("capacity", options.capacity, 0, std::uint64_t(1) << 60, "bytes for chunks; 0: what the disk holds");
  settings.size("metadata-memory", options.metadata_memory, 16 * kMiB, std::uint64_t(1) << 44,
                "memory for records of files and chunks; beyond it the metadata is full");
  settings.number("partitions", options.partitions, 1, dht::kPartitionsMax,
                  "of the metadata; a power of two; with --create");
  settings.number("replicas", options.replicas, 1, kGroupSizeMax, "copies of everything, odd; with --create");
  settings.number("min-replicas", options.min_replicas, 1, kGroupSizeMax,
                  "durable copies before a store is acknowledged; with --create");
  settings.size("inline-max", options.inline_max, 0, kInlineMax,
                "files up to this size live with their name; with --create");
  settings.duration("heartbeat", options.heartbeat, dht::kHeartbeatMin, dht::kHeartbeatMax,
                    "time between two heartbeats; with --create");
  settings.duration("evict-after", options.evict_after, seconds(1), std::chrono::hours(24 * 30),
                    "a node dead for so long is no place for data any more");
  settings.duration("reclaim-grace", options.reclaim_grace, seconds(1), std::chrono::hours(24 * 30),
                    "deleted data stays for so long before its space is taken back");
}

Result<std::vector<Address>> contacts_of(const NodeOptions& options) { return addresses_in(options.contact); }

Status validate(const NodeOptions& options) {
  if (options.data.empty()) return wrong("data", "a directory is needed");
  if (options.create && !options.join.empty()) return wrong("join", "a node creates a cluster or joins one, not both");
  if (!std::has_single_bit(options.partitions)) return wrong("partitions", "it is not a power of two");
  if (options.replicas % 2 == 0) return wrong("replicas", "groups that vote have an odd number of members");
  if (options.min_replicas > options.replicas) return wrong("min-replicas", "it is above \"replicas\"");
  if (options.evict_after < 10 * options.heartbeat)
    return wrong("evict-after", "it is shorter than ten heartbeats, so that a hiccup would be an eviction");
  if (!options.advertise.host.empty() && options.advertise.port == 0) return wrong("advertise", "its port is 0");
  return Status();
}

}  // namespace vortex::node
