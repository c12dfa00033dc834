#include "node/file_service/file_service.h"

#include <algorithm>

#include "base/finish.h"
#include "base/hash.h"
#include "base/window.h"
#include "node/kill_points.h"

namespace vortex::node {

namespace {

constexpr std::size_t kChunksAtOnce = 32;
constexpr std::size_t kPoliciesKept = 4096;
constexpr Duration kPolicyKept = seconds(5);
constexpr int kSealTries = 20;
constexpr Duration kSealPause = milliseconds(200);

// The key of a caller, as chunk records name it: members' own is zero.
Id stored_by(const Caller& caller) {
  if (caller.key.empty()) return Id();
  return sha256(as_bytes(caller.key));
}

// Copies that nobody has compared with the id are compared now, each by its holder, before different keys share them.
Task<Status> prove_all(ChunkRecords& chunks, const FileServiceOptions& options, StoredCopies& stored,
                       Duration timeout) {
  std::vector<NodeId> proven;
  std::vector<Receipt> receipts;
  for (Receipt& receipt : stored.receipts) {
    if (!receipt.checked) {
      auto compared = co_await options.prove(receipt.node, stored.chunk, timeout);
      if (compared.is(Code::cancelled)) co_return Code::cancelled;
      if (!compared.ok()) continue;
      receipt = std::move(*compared);
    }
    proven.push_back(receipt.node);
    receipts.push_back(std::move(receipt));
  }
  stored.receipts = std::move(receipts);
  CO_ASSIGN_OR_RETURN(std::optional<ChunkRecord> record, co_await chunks.get(stored.chunk, timeout));
  if (!record || record->checked || record->stored_by == stored.stored_by) co_return Status();
  for (const Holder& holder : record->holders) {
    if (std::ranges::find(proven, holder.node) != proven.end()) continue;
    auto compared = co_await options.prove(holder.node, stored.chunk, timeout);
    if (compared.is(Code::cancelled)) co_return Code::cancelled;
    if (compared.ok()) proven.push_back(holder.node);
  }
  co_return co_await chunks.mark_checked(stored.chunk, std::move(proven), timeout);
}

Task<Status> add_checked(ChunkRecords& chunks, const FileServiceOptions& options, StoredCopies stored,
                         UploadName upload, std::size_t copies_min, Duration timeout) {
  Status added = co_await chunks.add_copies(stored, upload, copies_min, timeout);
  if (!added.is(Code::permission_denied) || !options.prove) co_return added;
  CO_RETURN_IF_ERROR(co_await prove_all(chunks, options, stored, timeout));
  co_return co_await chunks.add_copies(std::move(stored), upload, copies_min, timeout);
}

// What a record says of its chunk is what a holder says, not who carries the receipt.
Status take_facts(StoredCopies& stored) {
  if (stored.code.coded()) return Error(Code::unsupported, "erasure-coded chunks are not stored yet");
  auto counts = [&stored](const Receipt& receipt) { return receipt.durable && receipt.chunk == stored.chunk; };
  auto first = std::ranges::find_if(stored.receipts, counts);
  if (first == stored.receipts.end()) return Error(Code::too_few_nodes, "no durable copy of a chunk");
  stored.stored_size = first->length;
  stored.form = first->form;
  return Status();
}

Task<void> add_one(ChunkRecords& chunks, const FileServiceOptions& options, StoredCopies stored, UploadName upload,
                   std::size_t copies_min, Duration timeout, Status& status, Permit) {
  Status added = co_await add_checked(chunks, options, std::move(stored), upload, copies_min, timeout);
  if (!added.ok() && status.ok()) status = std::move(added);
}
Task<void> refer_one(ChunkRecords& chunks, ChunkId chunk, UploadName upload, std::uint8_t replicas, Duration timeout,
                     Status& status, Permit) {
  Status referred = co_await chunks.add_reference(chunk, upload, replicas, timeout);
  if (!referred.ok() && status.ok()) status = std::move(referred);
}
Task<void> find_one(ChunkRecords& chunks, ChunkId chunk, std::optional<ChunkRecord>& out, Duration timeout,
                    Status& status, Permit) {
  auto found = co_await chunks.get(chunk, timeout);
  if (found.ok()) out = std::move(*found);
  if (!found.ok() && status.ok()) status = found.error();
}

}  // namespace

FileService::FileService(Env& env, Namespace& names, ChunkRecords& chunks, chunker::NodeSource& nodes,
                         const ReceiptSealer& sealer, FileServiceOptions options)
    : env_(env),
      names_(names),
      chunks_(chunks),
      nodes_(nodes),
      sealer_(sealer),
      options_(std::move(options)),
      follow_ups_(env.loop(), options_.follow_ups_max),
      group_(env.loop()) {
  names_.tree().on_release([this](const dht::Key& key) { follow(key); });
  for (unsigned i = 0; i < options_.follow_up_workers; ++i) group_.spawn(work());
}

Task<void> FileService::stop() {
  names_.tree().on_release({});
  follow_ups_.close();
  co_await group_.stop();
}

Result<Caller> FileService::caller_of(const net::Context& context) const {
  if (options_.caller_of) return options_.caller_of(context);
  return Error(Code::permission_denied, "nobody says who may do what here");
}

void FileService::follow(FollowUp work) { (void)follow_ups_.try_push(std::move(work)); }

// What fails is found again by the janitor.
Task<void> FileService::work() {
  while (true) {
    auto next = co_await follow_ups_.pop();
    if (!next.ok()) co_return;
    if (auto* upload = std::get_if<UploadName>(&*next)) {
      kill_point(env_, kill_points::kConfirming);
      (void)(co_await chunks_.confirm(*upload, nodes_, options_.follow_up_timeout)).ok();
    } else {
      dht::Key key = std::get<dht::Key>(*next);
      (void)(co_await chunks_.settle_release(std::move(key), nodes_, options_.follow_up_timeout)).ok();
    }
  }
}

Task<Result<OpenedFile>> FileService::open(Caller caller, std::string path, Follow follow_link, bool content,
                                           Duration timeout) {
  OpenedFile file;
  while (true) {
    if (content) {
      auto small = co_await names_.read_small(caller, path, timeout);
      if (small.ok()) {
        file.inode = std::move(small->inode);
        file.content = std::move(small->bytes);
        co_return file;
      }
      bool other = small.is(Code::stale) || small.is(Code::is_directory);
      if (!other) co_return small.error();
    }
    CO_ASSIGN_OR_RETURN(file.inode, co_await names_.stat(caller, path, follow_link, timeout));
    // It has become a small one since.
    if (!content || !file.inode.small()) co_return file;
  }
}

Task<Result<Inode>> FileService::store_small(Caller caller, std::string path, ByteVector content, Attributes attributes,
                                             Change change) {
  if (content.size() > kInlineMax) co_return Code::too_large;
  caller.own(attributes);
  NewContent small = NewContent::of(std::move(content));
  auto stored = co_await store_inline(caller, path, Follow::no, small, attributes, change);
  if (Namespace::is_link(stored, change))
    stored = co_await store_inline(std::move(caller), std::move(path), Follow::yes, small, attributes, change);
  kill_point(env_, kill_points::kSmallStored);
  co_return stored;
}

Task<Result<Inode>> FileService::store_inline(Caller caller, std::string path, Follow follow_link,
                                              const NewContent& content, const Attributes& attributes,
                                              const Change& change) {
  CO_ASSIGN_OR_RETURN(Resolved at,
                      co_await names_.resolve_file(std::move(caller), std::move(path), follow_link, change.timeout));
  CO_ASSIGN_OR_RETURN(std::uint32_t small, co_await inline_max(at.directory, at.name, change.timeout));
  if (content.size > small) co_return Code::too_large;
  co_return co_await names_.tree().put(at.directory, at.name, content, attributes, change);
}

Task<Result<std::uint32_t>> FileService::inline_max(Id directory, const std::string& name, Duration timeout) {
  auto known = inline_max_.find(directory);
  if (known == inline_max_.end() || known->second.until <= env_.now()) {
    CO_ASSIGN_OR_RETURN(Inode inode, co_await names_.tree().directory(directory, timeout));
    InlineMax fresh;
    const FilePolicy policy = inode.policy.value_or(FilePolicy());
    // With its name a file stands in the clear.
    if (policy.chunks.sealing == chunker::Sealing::none) fresh.bytes = policy.inline_max;
    fresh.copies_min = policy.replicas_min;
    fresh.until = env_.now() + kPolicyKept;
    if (inline_max_.size() >= kPoliciesKept) inline_max_.clear();
    known = inline_max_.insert_or_assign(directory, fresh).first;
  }
  // A file is as durable as the policy says, also a small one; chunks can be on more nodes than names.
  std::size_t needed = known->second.copies_min;
  if (options_.active_nodes) needed = std::min(needed, options_.active_nodes());
  const bool enough =
      !options_.durable_at || options_.durable_at(names_.tree().upload_place(directory, name)) >= needed;
  co_return enough ? known->second.bytes : 0;
}

Task<Result<OpenedUpload>> FileService::open_upload(Caller caller, std::string path, std::uint8_t replicas,
                                                    Duration timeout) {
  CO_ASSIGN_OR_RETURN(Resolved at, co_await names_.resolve_file(caller, std::move(path), Follow::yes, timeout));
  CO_ASSIGN_OR_RETURN(Inode directory, co_await names_.tree().directory(at.directory, timeout));
  OpenedUpload opened;
  opened.policy = directory.policy.value_or(FilePolicy());
  std::size_t nodes = opened.policy.replicas;
  if (options_.active_nodes) nodes = options_.active_nodes();
  if (nodes == 0) co_return Error(Code::too_few_nodes, "no node takes chunks now");
  if (replicas > 0) {
    opened.policy.replicas = replicas;
    opened.policy.replicas_min = std::min(opened.policy.replicas_min, replicas);
    CO_RETURN_IF_ERROR(validate(opened.policy));
    if (replicas > nodes)
      co_return Error(Code::too_few_nodes,
                      std::to_string(replicas) + " copies need as many nodes, and there are " + std::to_string(nodes));
  }
  opened.copies_min = static_cast<std::uint8_t>(std::min<std::size_t>(opened.policy.replicas_min, nodes));
  Upload terms;
  terms.replicas = opened.policy.replicas;
  terms.copies_min = opened.copies_min;
  terms.stored_by = stored_by(caller);
  Id place = names_.tree().upload_place(at.directory, at.name);
  CO_ASSIGN_OR_RETURN(opened.upload, co_await chunks_.open_upload(place, terms, timeout));
  kill_point(env_, kill_points::kUploadOpened);
  co_return opened;
}

Task<Status> FileService::add_copies(UploadName upload, std::vector<StoredCopies> copies, Duration timeout) {
  auto sealed = [this](const Receipt& receipt) { return sealer_.sealed(receipt); };
  auto all_sealed = [&sealed](const StoredCopies& stored) { return std::ranges::all_of(stored.receipts, sealed); };
  // When the cluster's secret changes, a holder may know the new one a moment before this node does.
  for (int tries = 0; !std::ranges::all_of(copies, all_sealed); ++tries) {
    if (tries == kSealTries) co_return Error(Code::invalid_argument, "a receipt that no member has sealed");
    CO_RETURN_IF_ERROR(co_await sleep_for(env_, kSealPause));
  }
  for (StoredCopies& stored : copies) CO_RETURN_IF_ERROR(take_facts(stored));
  CO_ASSIGN_OR_RETURN(Upload terms, co_await chunks_.open_upload_record(upload, timeout));
  kill_point(env_, kill_points::kAddingCopies);
  Status status;
  Window window(env_.loop(), kChunksAtOnce);
  TaskGroup group(env_.loop());
  for (StoredCopies& stored : copies) {
    auto permit = co_await window.acquire(1);
    if (!permit.ok()) status = permit.error();
    if (!status.ok()) break;
    stored.stored_by = terms.stored_by;
    stored.replicas = terms.replicas;
    group.spawn(
        add_one(chunks_, options_, std::move(stored), upload, terms.copies_min, timeout, status, std::move(*permit)));
  }
  co_await finish(group);
  kill_point(env_, kill_points::kCopiesAdded);
  co_return status;
}

Task<Status> FileService::refer_all(UploadName upload, std::vector<ChunkId> chunks, std::uint8_t replicas,
                                    Duration timeout) {
  Status status;
  Window window(env_.loop(), kChunksAtOnce);
  TaskGroup group(env_.loop());
  for (const ChunkId& chunk : chunks) {
    auto permit = co_await window.acquire(1);
    if (!permit.ok()) status = permit.error();
    if (!status.ok()) break;
    group.spawn(refer_one(chunks_, chunk, upload, replicas, timeout, status, std::move(*permit)));
  }
  co_await finish(group);
  co_return status;
}

Task<Status> FileService::add_references(Caller caller, UploadName upload, std::string path,
                                         std::vector<ChunkId> chunks, Duration timeout) {
  // Whoever may read the file knows its chunks and could store them again: nothing is given away.
  CO_ASSIGN_OR_RETURN(Inode inode, co_await names_.stat(std::move(caller), std::move(path), Follow::yes, timeout));
  if (!inode.manifest) co_return Error(Code::stale, "the file has no chunks any more");
  CO_ASSIGN_OR_RETURN(Upload terms, co_await chunks_.open_upload_record(upload, timeout));
  co_return co_await refer_all(upload, std::move(chunks), terms.replicas, timeout);
}

Task<Result<Inode>> FileService::commit(Caller caller, std::string path, CommitOrder order, Change change) {
  NewContent content;
  content.size = order.manifest.size;
  content.etag = order.manifest.etag;
  content.manifest = std::move(order.manifest);
  content.upload = order.upload;
  content.keeps_uploads = order.keeps_uploads;
  kill_point(env_, kill_points::kCommitting);
  CO_ASSIGN_OR_RETURN(Inode inode, co_await names_.put(std::move(caller), std::move(path), std::move(content),
                                                       std::move(order.attributes), std::move(change)));
  kill_point(env_, kill_points::kCommitted);
  follow(order.upload);
  co_return inode;
}

Task<Result<std::vector<std::optional<ChunkRecord>>>> FileService::find_chunks(std::vector<ChunkId> chunks,
                                                                               Duration timeout) {
  std::vector<std::optional<ChunkRecord>> found(chunks.size());
  Status status;
  Window window(env_.loop(), kChunksAtOnce);
  TaskGroup group(env_.loop());
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    auto permit = co_await window.acquire(1);
    if (!permit.ok()) status = permit.error();
    if (!status.ok()) break;
    group.spawn(find_one(chunks_, chunks[i], found[i], timeout, status, std::move(*permit)));
  }
  co_await finish(group);
  CO_RETURN_IF_ERROR(std::move(status));
  co_return found;
}

Task<Result<FileService::Located>> FileService::locate(Caller caller, std::string path, Duration timeout) {
  Located located;
  CO_ASSIGN_OR_RETURN(located.inode, co_await names_.stat(caller, path, Follow::yes, timeout));
  located.place = located.inode.id;
  if (located.inode.type == FileType::directory) co_return located;
  CO_ASSIGN_OR_RETURN(
      Resolved at, co_await names_.resolve(std::move(caller), std::move(path), Permission::read, Follow::yes, timeout));
  located.place = names_.tree().upload_place(at.directory, at.name);
  co_return located;
}

namespace {

Task<Status> gather(std::vector<ChunkId>* into, ChunkId chunk) {
  into->push_back(chunk);
  co_return Status();
}

}  // namespace

Task<Result<Inode>> FileService::copy(Caller caller, std::string path, std::string to, Change change) {
  CO_ASSIGN_OR_RETURN(OpenedFile from, co_await open(caller, std::move(path), Follow::yes, true, change.timeout));
  if (from.inode.type == FileType::directory) co_return Code::is_directory;
  Attributes attributes = from.inode.attributes;
  attributes.modified = attributes.accessed = 0;
  if (from.content)
    co_return co_await store_small(std::move(caller), std::move(to), std::move(*from.content), std::move(attributes),
                                   std::move(change));
  CO_ASSIGN_OR_RETURN(OpenedUpload upload, co_await open_upload(caller, to, 0, change.timeout));
  // Each chunk is referenced before the copy is committed, as if it had been stored again.
  std::vector<ChunkId> chunks;
  std::vector<ChunkId>* gathered = &chunks;
  ChunkWalk walk(env_, nodes_, [gathered](ChunkId chunk) { return gather(gathered, chunk); });
  Status referred = co_await walk.run(*from.inode.manifest);
  if (referred.ok())
    referred = co_await refer_all(upload.upload, std::move(chunks), upload.policy.replicas, change.timeout);
  if (!referred.ok()) {
    (void)(co_await chunks_.abort_upload(upload.upload, change.timeout)).ok();
    if (referred.is(Code::not_found)) co_return Error(Code::stale, "the file was replaced while it was copied");
    co_return referred.error();
  }
  CommitOrder order;
  order.upload = upload.upload;
  order.manifest = std::move(*from.inode.manifest);
  order.attributes = std::move(attributes);
  co_return co_await commit(std::move(caller), std::move(to), std::move(order), std::move(change));
}

}  // namespace vortex::node
