// A file system in one process: names and chunks over records in memory, on nodes that forget what was not synced.
#pragma once

#include <map>
#include <set>
#include <string>

#include "node/fetch/fetcher.h"
#include "node/file_service/file_service.h"
#include "node/janitor/janitor.h"
#include "node/namespace/audit.h"
#include "node/store/storer.h"
#include "tests/sim/world.h"
#include "tests/support/local_records.h"
#include "tests/unit/test.h"

namespace vortex::node {

// Holders in memory.
class MemoryHolders final : public ChunkHolders {
 public:
  struct Copy {
    Buffer stored;
    std::uint16_t form = 0;
    CopyNumber number;
    bool durable = false;
  };
  struct Node {
    std::uint64_t epoch = 1, sequence = 0;
    bool dead = false;
    Duration delay{0};
    std::map<ChunkId, Copy> copies;
  };

  MemoryHolders(Env& env, const ReceiptSealer& sealer, std::size_t nodes) : env_(env), sealer_(sealer) {
    for (std::size_t i = 1; i <= nodes; ++i) add(i);
  }
  static NodeId id(std::size_t number) {
    NodeId node;
    node.bytes[0] = static_cast<std::uint8_t>(number);
    return node;
  }
  void add(std::size_t number) { nodes_[id(number)]; }
  Node& node(std::size_t number) { return nodes_.at(id(number)); }
  std::size_t copies_of(const ChunkId& chunk) const {
    std::size_t count = 0;
    for (const auto& [node, state] : nodes_) count += state.copies.contains(chunk) ? 1 : 0;
    return count;
  }
  // What was staged is forgotten, and what was durable stays.
  void restart(std::size_t number);

  std::vector<NodeId> owners(const ChunkId& chunk, std::size_t count) override;
  Task<Result<Receipt>> put(NodeId node, ChunkId chunk, std::uint16_t form, Buffer stored, Duration timeout) override;
  Task<Result<Receipt>> touch(NodeId node, ChunkId chunk, Duration timeout) override;
  Task<Result<std::vector<Receipt>>> sync(NodeId node, std::vector<Receipt> staged, Duration timeout) override;
  Task<Result<HeldBytes>> get(NodeId node, ChunkId chunk, std::uint64_t offset, std::uint64_t length,
                              Duration timeout) override;
  Task<Status> erase(NodeId node, ChunkId chunk, CopyNumber up_to);

  const std::map<NodeId, Node>& all() const { return nodes_; }
  std::uint64_t puts = 0, gets = 0;
  std::function<void()> before_sync;  // once

 private:
  Task<Result<Node*>> reach(NodeId node, Duration timeout);
  static bool found(Node& node, const ChunkId& chunk);
  Receipt receipt(const NodeId& node, const ChunkId& chunk, const Copy& copy, bool checked) const;
  Env& env_;
  const ReceiptSealer& sealer_;
  std::map<NodeId, Node> nodes_;
};

// All records of the partitions.
class AllRecords final : public RecordSource {
 public:
  explicit AllRecords(dht::LocalPartitions& partitions) : partitions_(partitions) {}
  Task<Result<std::vector<dht::Record>>> more() override;

 private:
  dht::LocalPartitions& partitions_;
  dht::PartitionNumber next_ = 0;
};

// One node leads them all.
class AllLed final : public LedRecords {
 public:
  explicit AllLed(dht::LocalPartitions& partitions) : partitions_(partitions) {}
  std::vector<dht::PartitionNumber> led() const override;
  const dht::Partition* state(dht::PartitionNumber partition) const override {
    return &partitions_.partition(partition);
  }
  std::vector<Newest> held() const override;

 private:
  dht::LocalPartitions& partitions_;
};

// The nodes of MemoryHolders as the managers see them.
class MemoryPlaces final : public Places {
 public:
  MemoryPlaces(Env& env, MemoryHolders& holders) : full_nodes(env.clock()), holders_(holders) {}
  std::vector<NodeId> owners(const ChunkId& chunk, std::size_t count) override;
  HolderHealth health(const NodeId& node) const override;
  bool full(const NodeId& node) const override { return full_nodes.full(node); }
  void note_full(const NodeId& node) override { full_nodes.note(node); }
  std::vector<NodeId> all_full() const override { return full_nodes.all(); }
  std::size_t size() override;
  std::size_t members() const override { return holders_.all().size(); }
  std::size_t silent() const override;
  std::uint64_t changes() const override { return changed; }

  std::map<NodeId, HolderHealth> other_health;  // than dead nodes being away
  std::set<NodeId> takes_none;                  // draining
  std::uint64_t changed = 0;
  FullNodes full_nodes;

 private:
  MemoryHolders& holders_;
};

struct FileRig {
  template <class Make>
  auto run(Make make) {
    return world.run(machine, make);
  }
  explicit FileRig(std::size_t nodes = 4, FilePolicy policy = small_chunks(), std::uint64_t seed = 1);
  ~FileRig();
  static sim::WorldOptions quiet();
  static FilePolicy small_chunks();
  FileServiceOptions service_options(std::size_t nodes);

  Result<Inode> store(const std::string& path, ByteView content, StoreOptions options = StoreOptions());
  Result<Inode> write(const std::string& path, std::uint64_t offset, ByteView content);
  Result<ByteVector> fetch(const std::string& path, std::uint64_t offset = 0, std::uint64_t length = UINT64_MAX);
  Result<Inode> copy(const std::string& from, const std::string& to);
  Status unlink(const std::string& path);
  Status rename(const std::string& from, const std::string& to);
  // The janitor's rounds over all records: as if everything had been silent for long.
  void janitor();
  // One look over all records, as if it were later by so much, with what it found for the janitor settled or not.
  ChunkCensus look(Duration later, bool settle) { return look(later, settle, SurveyTerms()); }
  ChunkCensus look(Duration later, bool settle, SurveyTerms terms);
  // What the service does behind a commit has been done.
  void settle() { world.run_for(seconds(5)); }
  AuditReport audit();
  std::set<ChunkId> chunks_of(const std::string& path);
  ChunkRecord record(const ChunkId& chunk);

  sim::World world;
  sim::Machine& machine;
  dht::LocalPartitions partitions;
  dht::LocalRecords records;
  std::vector<Id> seal_keys;  // the newest first
  ReceiptSealer sealer;
  MemoryHolders holders;
  Tree tree;
  Namespace names;
  ChunkRecords chunk_records;
  LocalFiles files;
  ChunkReader reader;
  FileService service;
  Storer storer;
  Fetcher fetcher;
  AllLed led;
  MemoryPlaces places;
  Janitor keeper;
  std::map<dht::PartitionNumber, Ages> ages;
  std::map<dht::PartitionNumber, SurveyPlace> looked;
  std::vector<RepairNeed> needs;  // of the last look
  Caller root = Caller::root();
  std::size_t durable = 2;  // nodes that have an acknowledged name
};

ByteVector random_bytes(std::size_t size, std::uint64_t seed);

}  // namespace vortex::node
