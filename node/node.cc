#include "node/node.h"

#include <algorithm>

#include "base/log.h"
#include "net/basic_service.h"
#include "node/access/access_key.h"
#include "node/access/key_watch.h"
#include "node/access/records_book.h"
#include "node/chunk_store.h"
#include "node/files_stack.h"
#include "node/managers.h"
#include "node/metadata.h"
#include "node/views/views.h"

namespace vortex::node {

namespace {

constexpr Duration kJoinPatience = seconds(30);
// A new cluster's first records, on one node.
constexpr Duration kFoundingPatience = seconds(30);
constexpr Duration kHandOverPatience = seconds(3);
constexpr std::size_t kTokenFileMax = 16 * kKiB;
constexpr std::uint32_t kFirstTokenUses = 100;
constexpr Duration kFirstTokenLife = std::chrono::hours(24 * 7);

// Files of the data directory.
constexpr const char* kLock = "LOCK";
constexpr const char* kMetaLock = "meta.lock";  // in the directory of the metadata, which may be another one
constexpr const char* kFounding = "founding";   // there as long as the first records of a new cluster are missing
constexpr const char* kRootKey = "root.key";
constexpr const char* kFirstToken = "join.token";

}  // namespace

struct Node::Parts {
  Parts(Env& e, NodeOptions o) : env(e), options(std::move(o)) {}

  Task<Status> open();
  Task<Status> begin();
  Task<Status> create();
  Task<Status> found();
  Task<Result<net::JoinToken>> token();
  Task<Result<std::uint64_t>> capacity();
  std::string path(const std::string& name) const { return options.data + "/" + name; }
  Task<Status> write_file(std::string name, std::string text);
  Task<Result<bool>> is_there(std::string name);
  Task<void> stop();

  Env& env;
  const NodeOptions options;
  std::unique_ptr<FileLock> lock, meta_lock;
  net::Dispatcher dispatcher;
  std::unique_ptr<dht::Membership> membership;
  std::unique_ptr<ChunkStore> chunks;
  std::unique_ptr<Metadata> metadata;
  std::unique_ptr<RecordsBook> book;
  std::unique_ptr<dht::DecisionBook> decisions;
  std::unique_ptr<FilesStack> files;
  std::unique_ptr<Managers> managers;
  std::unique_ptr<Views> views;
  std::unique_ptr<KeyWatch> key_watch;
};

// Everything that is on disk; nobody hears of this node yet.
Task<Status> Node::Parts::open() {
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories(options.data));
  CO_ASSIGN_OR_RETURN(lock, co_await env.disk().lock(path(kLock)));
  net::serve_basics(dispatcher);
  dht::MembershipOptions about;
  about.directory = options.data;
  about.listen = options.listen;
  about.advertise = options.advertise;
  about.transport = options.transport;
  about.zone = options.zone;
  CO_ASSIGN_OR_RETURN(about.capacity, co_await capacity());
  about.evict_after = options.evict_after;
  CO_ASSIGN_OR_RETURN(about.seeds, contacts_of(options));
  CO_ASSIGN_OR_RETURN(membership, co_await dht::Membership::open(env, dispatcher, about));
  ChunkStoreOptions chunk_options;
  chunk_options.name = "chunks";
  chunk_options.epoch = membership->boot_epoch();
  chunk_options.capacity_bytes = options.capacity;
  chunk_options.check = is_chunk;
  chunk_options.on_damage = [this](const wal::values::Damage& damage) {
    if (managers) managers->damaged(damage);
  };
  CO_ASSIGN_OR_RETURN(chunks, co_await ChunkStore::open(env, path("chunks"), chunk_options));
  std::string meta = options.meta_dir.empty() ? path("meta") : options.meta_dir;
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories(meta));
  std::string meta_lock_path = meta + "/" + kMetaLock;
  CO_ASSIGN_OR_RETURN(meta_lock, co_await env.disk().lock(std::move(meta_lock_path)));
  CO_ASSIGN_OR_RETURN(metadata, co_await Metadata::open(env, dispatcher, *membership, meta, options.metadata_memory));
  book = std::make_unique<RecordsBook>(env, metadata->records());
  files = std::make_unique<FilesStack>(env, dispatcher, *membership, metadata->records(), *chunks);
  files->durable_at = [this](const Id& place) { return metadata->durable_at(place); };
  ManagersOptions about_managers;
  about_managers.directory = options.data;
  about_managers.upkeep.reclaim_grace = options.reclaim_grace;
  about_managers.inventory.stray_grace = options.reclaim_grace;
  managers = std::make_unique<Managers>(env, dispatcher, *membership, *metadata, *chunks, *files, about_managers);
  views = std::make_unique<Views>(env, *membership, *metadata, *chunks, *book, options.version);
  views->serve(dispatcher);
  decisions = std::make_unique<dht::DecisionBook>(env, metadata->records());
  membership->use(*book, *decisions);
  key_watch = std::make_unique<KeyWatch>(
      env, book->access(), [this] { return membership->server().keys(); },
      [this](const std::string& key) {
        membership->server().close_key(key, Error(Code::unauthenticated, "the access key was revoked"));
      });
  membership->set_duty([this] { return metadata->duty(); });
  co_return Status();
}

Task<Status> Node::Parts::begin() {
  if (membership->belongs_somewhere()) {
    // Whoever names a token means its cluster.
    auto meant = co_await token();
    bool elsewhere = !options.join.empty() && meant.ok() && meant->cluster != membership->cluster();
    if (elsewhere)
      co_return Error(Code::wrong_cluster, options.data + " belongs to another cluster than the token of \"join\"");
    CO_RETURN_IF_ERROR(co_await membership->resume());
    metadata->start();
  } else if (options.create) {
    CO_RETURN_IF_ERROR(co_await create());
  } else {
    CO_ASSIGN_OR_RETURN(net::JoinToken join_token, co_await token());
    CO_RETURN_IF_ERROR(co_await membership->join(std::move(join_token), kJoinPatience));
    metadata->start();
  }
  // Of a founding that a crash cut short, the rest is done at the next start.
  CO_ASSIGN_OR_RETURN(bool unfinished, co_await is_there(kFounding));
  if (unfinished) CO_RETURN_IF_ERROR(co_await found());
  managers->start();
  key_watch->start();
  co_return Status();
}

// A cluster of this node alone: its groups first, then the word that this node belongs to it.
Task<Status> Node::Parts::create() {
  CO_RETURN_IF_ERROR(co_await metadata->create(options.partitions));
  CO_RETURN_IF_ERROR(co_await write_file(kFounding, std::string()));
  net::ClusterSettings settings;
  settings.topology = options.topology;
  settings.heartbeat_ms = static_cast<std::uint32_t>(to_ms(options.heartbeat));
  settings.partitions = options.partitions;
  settings.replicas = options.replicas;
  CO_RETURN_IF_ERROR(co_await membership->create(settings));
  metadata->start();
  co_return Status();
}

// The first records of a cluster, and the secrets that open it. Can be repeated.
Task<Status> Node::Parts::found() {
  Attributes attributes;
  attributes.mode = 0755;
  FilePolicy policy;
  policy.replicas = static_cast<std::uint8_t>(options.replicas);
  policy.replicas_min = static_cast<std::uint8_t>(options.min_replicas);
  policy.inline_max = static_cast<std::uint32_t>(options.inline_max);
  CO_RETURN_IF_ERROR(co_await files->tree().create_root(attributes, policy, kFoundingPatience));
  CO_RETURN_IF_ERROR(co_await membership->found(kFoundingPatience));
  AccessKeyText root;
  root.cluster = membership->cluster();
  CO_ASSIGN_OR_RETURN(root.secret,
                      co_await book->access().create_key(Rights::everything().rules(), "root", kFoundingPatience));
  CO_RETURN_IF_ERROR(co_await write_file(kRootKey, root.to_text() + "\n"));
  dht::TokenTerms terms;
  terms.uses = kFirstTokenUses;
  terms.lifetime = kFirstTokenLife;
  CO_ASSIGN_OR_RETURN(net::JoinToken first, co_await membership->create_token(terms, kFoundingPatience));
  CO_RETURN_IF_ERROR(co_await write_file(kFirstToken, first.to_text() + "\n"));
  CO_RETURN_IF_ERROR(co_await env.disk().remove(path(kFounding)));
  co_return co_await env.disk().sync_directory(options.data);
}

// Where nothing is said, what the disk holds.
Task<Result<std::uint64_t>> Node::Parts::capacity() {
  if (options.capacity > 0) co_return options.capacity;
  CO_ASSIGN_OR_RETURN(DiskSpace space, co_await env.disk().space(options.data));
  co_return std::max<std::uint64_t>(space.total, 1);
}

// What --join says: a token, or the name of a file with one.
Task<Result<net::JoinToken>> Node::Parts::token() {
  if (options.join.empty())
    co_return Error(Code::bad_config, options.data + " belongs to no cluster yet: say --create, or --join TOKEN");
  if (options.join.starts_with("vxjoin")) co_return net::JoinToken::parse(options.join);
  auto text = co_await read_file(env.disk(), options.join, kTokenFileMax);
  if (!text.ok()) co_return Error(Code::bad_config, "setting \"join\": it is no token, and no file that can be read");
  co_return net::JoinToken::parse(as_text(*text));
}

Task<Status> Node::Parts::write_file(std::string name, std::string text) {
  co_return co_await replace_file(env.disk(), path(name), to_vector(as_bytes(text)));
}

Task<Result<bool>> Node::Parts::is_there(std::string name) {
  CO_ASSIGN_OR_RETURN(std::vector<DirectoryEntry> entries, co_await env.disk().list(options.data));
  co_return std::ranges::any_of(entries, [&name](const DirectoryEntry& entry) { return entry.name == name; });
}

// In the order in which it can be done after any part of a start.
Task<void> Node::Parts::stop() {
  if (key_watch) co_await key_watch->stop();
  if (managers) co_await managers->stop();
  if (files) co_await files->stop();
  if (membership) membership->set_duty(nullptr);
  if (metadata) co_await metadata->retire(kHandOverPatience);
  if (membership) co_await membership->stop();
  if (metadata) co_await metadata->stop();
  if (!chunks) co_return;
  Status stopped = co_await chunks->stop();
  if (!stopped.ok()) env.log().warn("node", "the chunk store did not stop well", Field("why", stopped.error()));
}

Node::Node(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Node::~Node() = default;

Task<Result<std::unique_ptr<Node>>> Node::start(Env& env, NodeOptions options) {
  CO_RETURN_IF_ERROR(validate(options));
  auto parts = std::make_unique<Parts>(env, std::move(options));
  Status started = co_await parts->open();
  if (started.ok()) started = co_await parts->begin();
  if (!started.ok()) {
    co_await parts->stop();
    co_return std::move(started).error();
  }
  co_return std::unique_ptr<Node>(new Node(std::move(parts)));
}

Task<void> Node::stop() { return parts_->stop(); }
NodeId Node::id() const { return parts_->membership->id(); }
ClusterId Node::cluster() const { return parts_->membership->cluster(); }
Address Node::address() const { return parts_->membership->address(); }

}  // namespace vortex::node
