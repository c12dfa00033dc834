#include "dht/joining/node_state.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "wal/sync_above.h"

namespace vortex::dht {

namespace {
constexpr std::uint32_t kIdentityMagic = 0x44495856;  // "VXID"
constexpr std::uint32_t kContactsMagic = 0x424d5856;  // "VXMB"
constexpr std::uint16_t kFormat = 1;
constexpr std::size_t kFrameSize = 4 + 2 + 8;  // magic, format, sum
constexpr std::size_t kStateBytesMax = 64 * kKiB;
constexpr std::size_t kContactsBytesMax = 4 * kMiB;

struct StateFields {
  std::string key;
  std::uint64_t boot_epoch = 0;
  ClusterId cluster;
  std::vector<net::ClusterKeyCopy> keys;
  net::ClusterSettings settings;
  Member self;
  VORTEX_FIELDS(key, boot_epoch, cluster, keys, settings, self)
};

// Magic, format, body, and XXH3 of all that.
template <class Body>
ByteVector seal(std::uint32_t magic, const Body& body) {
  ByteVector file;
  Encoder encoder(file);
  encoder(magic, kFormat, body);
  std::uint64_t sum = xxh3(file);
  encoder.put(sum);
  return file;
}

template <class Body>
Result<Body> unseal(std::uint32_t magic, ByteView file, const char* name) {
  if (file.size() < kFrameSize) return Error(Code::damaged, std::string(name) + ": too short");
  ByteView covered = file.first(file.size() - 8);
  if (xxh3(covered) != load_le<std::uint64_t>(file.data() + covered.size()))
    return Error(Code::damaged, std::string(name) + ": its checksum does not fit");
  Decoder decoder(covered);
  std::uint32_t found_magic = 0;
  std::uint16_t format = 0;
  decoder(found_magic, format);
  if (found_magic != magic) return Error(Code::damaged, std::string(name) + ": another kind of file");
  if (format != kFormat)
    return Error(Code::unsupported_version, std::string(name) + ": format " + std::to_string(format));
  Body body{};
  decoder.get(body);
  if (!decoder.finished()) return Error(Code::damaged, std::string(name) + ": its fields make no sense");
  return body;
}
}  // namespace

ByteVector encode_state(const NodeState& state) {
  StateFields fields;
  fields.key = state.identity.to_pem();
  fields.boot_epoch = state.boot_epoch;
  fields.cluster = state.cluster;
  for (const net::ClusterKey& key : state.keys) {
    net::ClusterKeyCopy& copy = fields.keys.emplace_back();
    copy.epoch = key.epoch;
    copy.secret = key.secret;
  }
  fields.settings = state.settings;
  fields.self = state.self;
  ByteVector file = seal(kIdentityMagic, fields);
  net::wipe(MutableBytes(reinterpret_cast<std::uint8_t*>(fields.key.data()), fields.key.size()));
  return file;
}

Result<NodeState> decode_state(ByteView file) {
  ASSIGN_OR_RETURN(StateFields fields, unseal<StateFields>(kIdentityMagic, file, "identity"));
  ASSIGN_OR_RETURN(net::Identity identity, net::Identity::from_pem(fields.key));
  NodeState state(std::move(identity));
  state.boot_epoch = fields.boot_epoch;
  state.cluster = fields.cluster;
  for (const net::ClusterKeyCopy& copy : fields.keys) {
    net::ClusterKey& key = state.keys.emplace_back();
    key.epoch = copy.epoch;
    key.secret = copy.secret;
  }
  state.settings = fields.settings;
  state.self = fields.self;
  return state;
}

ByteVector encode_contacts(const std::vector<Member>& members) { return seal(kContactsMagic, members); }

Result<std::vector<Member>> decode_contacts(ByteView file) {
  return unseal<std::vector<Member>>(kContactsMagic, file, "members");
}

Task<Result<NodeState>> NodeStore::open() {
  CO_RETURN_IF_ERROR(co_await env_.disk().make_directories(directory_));
  auto file = co_await read_file(env_.disk(), path("identity"), kStateBytesMax);
  if (!file.ok() && !file.is(Code::not_found)) co_return std::move(file).error();
  if (!file.ok()) {
    NodeState fresh(net::Identity::generate(env_.random()));
    fresh.boot_epoch = 1;
    CO_RETURN_IF_ERROR(co_await save(fresh));
    CO_RETURN_IF_ERROR(co_await wal::sync_above(env_.disk(), directory_));
    co_return fresh;
  }
  CO_ASSIGN_OR_RETURN(NodeState state, decode_state(*file));
  net::wipe(*file);
  ++state.boot_epoch;
  CO_RETURN_IF_ERROR(co_await save(state));
  co_return state;
}

Task<Status> NodeStore::save(const NodeState& state) {
  ByteVector file = encode_state(state);
  co_return co_await replace_file(env_.disk(), path("identity"), std::move(file));
}

Task<std::vector<Member>> NodeStore::load_contacts() {
  std::vector<Member> members;
  auto file = co_await read_file(env_.disk(), path("members"), kContactsBytesMax);
  if (!file.ok()) co_return members;
  auto read = decode_contacts(*file);
  if (read.ok()) {
    members = std::move(*read);
  } else {
    env_.log().warn("members", "the list of members cannot be read; others have it", Field("error", read.error()));
  }
  co_return members;
}

Task<Status> NodeStore::save_contacts(const std::vector<Member>& members) {
  ByteVector file = encode_contacts(members);
  co_return co_await replace_file(env_.disk(), path("members"), std::move(file));
}

}  // namespace vortex::dht
