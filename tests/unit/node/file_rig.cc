#include "tests/unit/node/file_rig.h"

#include <algorithm>

#include "dht/ring/ring.h"
#include "tests/sim/dice.h"

namespace vortex::node {

ByteVector random_bytes(std::size_t size, std::uint64_t seed) {
  sim::Dice dice(seed);
  ByteVector bytes(size);
  dice.fill(bytes);
  return bytes;
}

void MemoryHolders::restart(std::size_t number) {
  Node& state = node(number);
  ++state.epoch;
  state.sequence = 0;
  std::erase_if(state.copies, [](const auto& copy) { return !copy.second.durable; });
}

std::vector<NodeId> MemoryHolders::owners(const ChunkId& chunk, std::size_t count) {
  std::vector<dht::RingNode> members;
  for (const auto& [id, state] : nodes_) members.push_back({id, 1, ""});
  return dht::Ring(std::move(members)).owners(chunk, count);
}

// As a node does: bytes that were there get a receipt when they are what the id names, and are forgotten otherwise.
bool MemoryHolders::found(Node& node, const ChunkId& chunk) {
  auto copy = node.copies.find(chunk);
  if (copy == node.copies.end()) return false;
  if (is_chunk(chunk, copy->second.form, copy->second.stored.view())) return true;
  node.copies.erase(copy);
  return false;
}

Receipt MemoryHolders::receipt(const NodeId& node, const ChunkId& chunk, const Copy& copy, bool checked) const {
  Receipt receipt;
  receipt.checked = checked;
  receipt.node = node;
  receipt.chunk = chunk;
  receipt.copy = copy.number;
  receipt.length = static_cast<std::uint32_t>(copy.stored.size());
  receipt.form = copy.form;
  sealer_.seal(receipt);
  return receipt;
}

Task<Result<MemoryHolders::Node*>> MemoryHolders::reach(NodeId id, Duration timeout) {
  Node& node = nodes_.at(id);
  Duration wait = std::min(timeout, node.delay);
  if (wait > Duration(0)) CO_RETURN_IF_ERROR(co_await sleep_for(env_, wait));
  if (node.delay > timeout) co_return Code::timed_out;
  if (node.dead) co_return Code::unreachable;
  co_return &node;
}

Task<Result<Receipt>> MemoryHolders::put(NodeId id, ChunkId chunk, std::uint16_t form, Buffer stored,
                                         Duration timeout) {
  CO_ASSIGN_OR_RETURN(Node * node, co_await reach(id, timeout));
  ++puts;
  const bool existed = found(*node, chunk);
  Copy& copy = node->copies[chunk];
  if (!existed) {
    copy.stored = std::move(stored);
    copy.form = form;
  }
  copy.number = CopyNumber(node->epoch, ++node->sequence);
  co_return receipt(id, chunk, copy, existed);
}

Task<Result<Receipt>> MemoryHolders::touch(NodeId id, ChunkId chunk, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Node * node, co_await reach(id, timeout));
  if (!found(*node, chunk)) co_return Code::not_found;
  Copy& copy = node->copies.at(chunk);
  copy.number = CopyNumber(node->epoch, ++node->sequence);
  co_return receipt(id, chunk, copy, true);
}

Task<Result<std::vector<Receipt>>> MemoryHolders::sync(NodeId id, std::vector<Receipt> staged, Duration timeout) {
  if (before_sync) std::exchange(before_sync, {})();
  CO_ASSIGN_OR_RETURN(Node * node, co_await reach(id, timeout));
  for (Receipt& receipt : staged) {
    if (receipt.copy.epoch != node->epoch) co_return Code::stale;
    auto copy = node->copies.find(receipt.chunk);
    if (copy != node->copies.end()) copy->second.durable = true;
    receipt.durable = true;
    sealer_.seal(receipt);
  }
  co_return staged;
}

Task<Result<HeldBytes>> MemoryHolders::get(NodeId id, ChunkId chunk, std::uint64_t offset, std::uint64_t length,
                                           Duration timeout) {
  CO_ASSIGN_OR_RETURN(Node * node, co_await reach(id, timeout));
  ++gets;
  auto copy = node->copies.find(chunk);
  if (copy == node->copies.end()) co_return Code::not_found;
  const Buffer& stored = copy->second.stored;
  HeldBytes held;
  held.length = static_cast<std::uint32_t>(stored.size());
  held.form = copy->second.form;
  if (offset > stored.size()) co_return Code::invalid_argument;
  held.bytes = stored.slice(offset, std::min<std::uint64_t>(length, stored.size() - offset));
  co_return held;
}

Task<Status> MemoryHolders::erase(NodeId id, ChunkId chunk, CopyNumber up_to) {
  CO_ASSIGN_OR_RETURN(Node * node, co_await reach(id, seconds(1)));
  auto copy = node->copies.find(chunk);
  if (copy != node->copies.end() && copy->second.number <= up_to) node->copies.erase(copy);
  co_return Status();
}

Task<Result<std::vector<dht::Record>>> AllRecords::more() {
  std::vector<dht::Record> records;
  while (records.empty() && next_ < partitions_.count()) {
    auto take = [&records](const dht::PackedRecord& packed) {
      dht::Record record;
      record.key = packed.key().copy();
      record.version = packed.version();
      record.value = to_vector(packed.value());
      records.push_back(std::move(record));
      return true;
    };
    dht::Key first;
    partitions_.partition(next_++).records().visit(first, take);
  }
  co_return records;
}

std::vector<dht::PartitionNumber> AllLed::led() const {
  std::vector<dht::PartitionNumber> all(partitions_.count());
  for (dht::PartitionNumber partition = 0; partition < all.size(); ++partition) all[partition] = partition;
  return all;
}

std::vector<LedRecords::Newest> AllLed::held() const {
  std::vector<Newest> held;
  for (dht::PartitionNumber partition : led()) held.emplace_back(partition, partitions_.newest(partition));
  return held;
}

HolderHealth MemoryPlaces::health(const NodeId& node) const {
  auto said = other_health.find(node);
  if (said != other_health.end()) return said->second;
  auto known = holders_.all().find(node);
  if (known == holders_.all().end()) return HolderHealth::gone;
  return known->second.dead ? HolderHealth::away : HolderHealth::well;
}

std::vector<NodeId> MemoryPlaces::owners(const ChunkId& chunk, std::size_t count) {
  std::vector<NodeId> owners;
  for (const NodeId& node : holders_.owners(chunk, holders_.all().size())) {
    bool places = !takes_none.contains(node) && health(node) < HolderHealth::lost;
    if (places && owners.size() < count) owners.push_back(node);
  }
  return owners;
}

std::size_t MemoryPlaces::size() { return owners(ChunkId(), holders_.all().size()).size(); }
std::size_t MemoryPlaces::silent() const {
  std::size_t silent = 0;
  for (const auto& [id, node] : holders_.all()) silent += node.dead ? 1 : 0;
  return silent;
}

sim::WorldOptions FileRig::quiet() {
  sim::WorldOptions options;
  options.log_level = LogLevel::error;
  return options;
}

FilePolicy FileRig::small_chunks() {
  FilePolicy policy;
  policy.chunks.cut = chunker::CutPolicy::fixed(4096);
  policy.chunks.compression = chunker::Compression::none;
  policy.inline_max = 100;
  return policy;
}

FileServiceOptions FileRig::service_options(std::size_t nodes) {
  FileServiceOptions options;
  options.active_nodes = [nodes] { return nodes; };
  options.durable_at = [this](const Id&) { return durable; };
  options.prove = [this](NodeId node, ChunkId chunk, Duration timeout) { return prove(holders, node, chunk, timeout); };
  return options;
}

FileRig::FileRig(std::size_t nodes, FilePolicy policy, std::uint64_t seed)
    : world(seed, quiet()),
      machine(world.add_machine()),
      records(machine.env(), partitions),
      seal_keys(1, ReceiptSealer::key_of(as_bytes("secret"))),
      sealer([this] { return seal_keys; }),
      holders(machine.env(), sealer, nodes),
      tree(machine.env(), records),
      names(tree),
      chunk_records(machine.env(), records),
      files(service, Caller::root()),
      reader(machine.env(), files, holders),
      service(machine.env(), names, chunk_records, reader, sealer, service_options(nodes)),
      storer(machine.env(), files, holders),
      fetcher(machine.env(), files, holders),
      led(partitions),
      places(machine.env(), holders),
      keeper(machine.env(), records, chunk_records, reader, places,
             [this](NodeId node, ChunkId chunk, CopyNumber up_to) { return holders.erase(node, chunk, up_to); }) {
  REQUIRE(run([&](Env&) { return tree.create_root(Attributes(), policy, seconds(1)); }).ok());
}

FileRig::~FileRig() {
  auto stop = [](Env&, FileService* of, Tree* and_of) -> Task<Status> {
    co_await of->stop();
    co_await and_of->stop();
    co_return Status();
  };
  EXPECT(world.run(machine, stop, &service, &tree).ok());
  machine.kill();
}

Result<Inode> FileRig::store(const std::string& path, ByteView content, StoreOptions options) {
  MemorySource source(content);
  return run([&](Env&) { return storer.store(path, source, options); });
}

Result<Inode> FileRig::write(const std::string& path, std::uint64_t offset, ByteView content) {
  MemorySource source(content);
  return run([&](Env&) { return storer.write(path, offset, source, StoreOptions()); });
}

Result<ByteVector> FileRig::fetch(const std::string& path, std::uint64_t offset, std::uint64_t length) {
  MemorySink sink;
  FetchOptions options;
  options.offset = offset;
  options.length = length;
  auto fetched = run([&](Env&) { return fetcher.fetch(path, sink, options); });
  if (!fetched.ok()) return fetched.error();
  return sink.take();
}

Result<Inode> FileRig::copy(const std::string& from, const std::string& to) {
  return run([&](Env&) { return service.copy(root, from, to, Change()); });
}
Status FileRig::unlink(const std::string& path) {
  return run([&](Env&) { return names.unlink(root, path, Change()); });
}
Status FileRig::rename(const std::string& from, const std::string& to) {
  return run([&](Env&) { return names.rename(root, from, to, RenameOptions(), Change()); });
}

void FileRig::janitor() {
  for (int round = 0; round < 4; ++round) look(std::chrono::hours(48), true);
}

ChunkCensus FileRig::look(Duration later, bool settle, SurveyTerms terms) {
  needs.clear();
  ChunkCensus sum;
  const Instant now = machine.env().now();
  for (const auto& [partition, version] : led.held()) ages[partition].saw(now, version);
  terms.now = now + later;
  auto body = [](Env& env, FileRig* rig, SurveyTerms with, bool and_settle, ChunkCensus* into) -> Task<Status> {
    for (dht::PartitionNumber partition : rig->led.led()) {
      with.ages = &rig->ages[partition];
      SurveyPlace& place = rig->looked[partition];
      CO_ASSIGN_OR_RETURN(Findings found, co_await survey(env, rig->led, partition, rig->places, with, place));
      into->add(found.census);
      rig->needs.insert(rig->needs.end(), found.needs.begin(), found.needs.end());
      if (and_settle) CO_RETURN_IF_ERROR(co_await rig->keeper.settle(std::move(found.leftovers)));
    }
    co_return Status();
  };
  REQUIRE(world.run(machine, body, this, terms, settle, &sum).ok());
  std::sort(needs.begin(), needs.end());
  return sum;
}

AuditReport FileRig::audit() {
  Audit audit(machine.env(), reader);
  AllRecords all(partitions);
  auto report = run([&](Env&) { return audit.run(all); });
  REQUIRE(report.ok());
  for (const std::string& finding : report->findings) INFO(finding);
  std::string text;
  for (const std::string& finding : report->findings) text += finding + "\n";
  EXPECT_EQ(text, "");
  return *report;
}

std::set<ChunkId> FileRig::chunks_of(const std::string& path) {
  std::set<ChunkId> chunks;
  auto inode = run([&](Env&) { return names.stat(root, path, Follow::yes, seconds(1)); });
  REQUIRE(inode.ok());
  REQUIRE(inode->manifest.has_value());
  auto note = [](std::set<ChunkId>* into, ChunkId chunk) -> Task<Status> {
    into->insert(chunk);
    co_return Status();
  };
  std::set<ChunkId>* noted = &chunks;
  ChunkWalk walk(machine.env(), reader, [noted, note](ChunkId chunk) { return note(noted, chunk); });
  REQUIRE(run([&](Env&) { return walk.run(*inode->manifest); }).ok());
  return chunks;
}

ChunkRecord FileRig::record(const ChunkId& chunk) {
  auto found = run([&](Env&) { return chunk_records.get(chunk, seconds(1)); });
  REQUIRE(found.ok());
  REQUIRE(found->has_value());
  return **found;
}

}  // namespace vortex::node
