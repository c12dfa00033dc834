// A whole tree of manifest nodes made by the input's orders, some of them lies, and edits on it.
//
// The input is a sequence of small numbers: how many extents, which of the nodes lie and how, then edits. Nodes are
// named by what they contain, so that the lies reach the code behind the hashes.
#include <map>
#include <set>

#include "base/check.h"
#include "base/hash.h"
#include "base/task_group.h"
#include "chunker/manifest_builder.h"
#include "chunker/manifest_edit.h"

using namespace vortex;
using namespace vortex::chunker;

namespace {

class Orders {
 public:
  explicit Orders(ByteView input) : rest_(input) {}
  bool more() const { return !rest_.empty(); }
  std::uint64_t below(std::uint64_t bound) {
    std::uint64_t number = 0;
    for (std::uint64_t span = 1; span < bound && !rest_.empty(); span *= 256) {
      number = number * 256 + rest_[0];
      rest_ = rest_.subspan(1);
    }
    return number % bound;
  }

 private:
  ByteView rest_;
};

// Roots alone, one level of nodes, two of them.
constexpr std::array<std::uint64_t, 4> kExtents{64, 256, 1000, 4000};

class Nodes final : public NodeSource {
 public:
  Task<Result<ByteVector>> load(ChunkId id) override {
    CHECK(++loads < kLoadsMax);
    auto found = map.find(id);
    if (found == map.end()) co_return Code::not_found;
    co_return found->second;
  }
  void keep(const std::vector<ManifestNode>& nodes) {
    for (const ManifestNode& node : nodes) map[node.id] = node.bytes;
  }
  static constexpr std::size_t kLoadsMax = 100000;
  std::map<ChunkId, ByteVector> map;
  std::size_t loads = 0;
};

Extent any_extent(Orders& orders) {
  std::uint64_t what = orders.below(256);
  if (what == 0) return Extent::hole(1 + orders.below(std::uint64_t(1) << 40));
  Extent extent;
  std::array<std::uint8_t, 2> seed{static_cast<std::uint8_t>(what), static_cast<std::uint8_t>(orders.below(256))};
  extent.chunk = sha256(seed);
  extent.length = 1 + what * 1000;
  extent.stored_size = static_cast<std::uint32_t>(extent.length + kHeaderSize);
  return extent;
}

std::vector<Extent> any_extents(Orders& orders, std::size_t count) {
  std::vector<Extent> extents;
  Extent last = any_extent(orders);
  for (std::size_t i = 0; i < count; ++i) {
    if (orders.more() && i < 64) last = any_extent(orders);
    // When the orders run out the rest differs by its number alone.
    if (!last.is_hole()) {
      last.chunk.bytes[30] = static_cast<std::uint8_t>(i);
      last.chunk.bytes[31] = static_cast<std::uint8_t>(i >> 8);
    }
    extents.push_back(last);
  }
  return extents;
}

// Rewrites the nodes above `records`' children with small lies; true ones for the most part.
std::vector<Record> forged(Orders& orders, Nodes& nodes, std::uint8_t level, std::vector<Record> records, bool& lied) {
  if (level == 0) return records;
  for (Record& record : records) {
    NodeReference reference = *decode_reference(record);
    auto node = nodes.map.find(reference.node);
    if (node == nodes.map.end() || orders.below(4) != 0) continue;
    const auto below = static_cast<std::uint8_t>(level - 1);
    auto children = decode_node(node->second, below);
    if (!children.ok()) continue;
    *children = forged(orders, nodes, below, *children, lied);
    switch (orders.below(8)) {
      case 0:
        children->pop_back();
        break;
      case 1:
        children->push_back(children->front());
        break;
      case 2:
        std::swap(children->front(), children->back());
        break;
      default:
        break;
    }
    if (children->empty() || children->size() > kNodeRecordsMax || !add_up(below, *children).ok()) continue;
    ManifestNode fresh = encode_node(below, *children);
    nodes.keep({fresh});
    lied = lied || fresh.id != reference.node;
    reference.node = fresh.id;
    RecordTotals totals = *add_up(below, *children);
    if (orders.below(2) == 0) reference.length = totals.length;
    if (orders.below(2) == 0) reference.extents = totals.extents;
    Record changed{};
    std::copy(reference.node.bytes.begin(), reference.node.bytes.end(), changed.begin());
    put_record_number(changed, 32, 8, reference.length);
    put_record_number(changed, 40, 5, reference.extents);
    if (decode_reference(changed).ok()) record = changed;
  }
  return records;
}

Task<void> edit_all(Orders& orders, Nodes& nodes, Manifest manifest, bool lied) {
  for (int round = 0; round < 8 && orders.more(); ++round) {
    std::uint64_t begin = orders.below(manifest.size + 1), length = orders.below(manifest.size - begin + 1);
    std::vector<Extent> replacement = any_extents(orders, orders.below(300));
    auto edit = co_await splice(nodes, manifest, begin, begin + length, std::move(replacement));
    if (!edit.ok()) {
      CHECK(lied || edit.is(Code::too_large));
      continue;
    }
    CHECK(validate(edit->manifest).ok());
    nodes.keep(edit->fresh);
    manifest = std::move(edit->manifest);
    ManifestReader reader(nodes, manifest);
    auto found = co_await reader.find(0, kFileSizeMax, 5000);
    CHECK(lied || found.ok());
    if (!found.ok() || lied || found->covered_to < manifest.size) continue;
    // An honest tree stays what its list gives.
    ManifestBuilder builder;
    for (const PlacedExtent& placed : found->extents) builder.add(placed.extent);
    CHECK(builder.finish() == manifest);
    std::vector<ManifestNode> built = builder.take_nodes();
    std::set<ChunkId> ids(found->nodes.begin(), found->nodes.end());
    for (const ManifestNode& node : built) CHECK(ids.contains(node.id));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Orders orders(ByteView(data, size));
  Nodes nodes;
  ManifestBuilder builder;
  std::vector<Extent> extents = any_extents(orders, orders.below(kExtents[orders.below(kExtents.size())]));
  for (const Extent& extent : extents) builder.add(extent);
  Manifest manifest = builder.finish();
  nodes.keep(builder.take_nodes());
  bool lied = false;
  std::uint64_t true_size = manifest.size;
  manifest.records = forged(orders, nodes, manifest.level, manifest.records, lied);
  auto totals = add_up(manifest.level, manifest.records);
  if (!totals.ok()) return 0;
  manifest.size = totals->length;
  lied = lied || manifest.size != true_size;
  // Levels more than the list needs.
  for (std::uint64_t more = orders.below(16); more > 13 && manifest.level > 0 && manifest.level < kManifestLevelMax;) {
    ManifestNode node = encode_node(manifest.level, manifest.records);
    nodes.keep({node});
    NodeReference reference{node.id, manifest.size, totals->extents};
    manifest.records = {encode_reference(reference)};
    ++manifest.level;
    lied = true;
  }
  manifest.settle();
  if (!validate(manifest).ok()) return 0;

  asio::io_context context;
  Loop loop(context);
  TaskGroup group(loop);
  group.spawn(edit_all(orders, nodes, std::move(manifest), lied));
  context.poll();
  CHECK(group.size() == 0);
  return 0;
}
