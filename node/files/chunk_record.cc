#include "node/files/chunk_record.h"

#include <algorithm>

namespace vortex::node {

namespace {

template <class T>
auto place_in(std::vector<T>& list, const NodeId& node) {
  auto before = [](const T& item, const NodeId& id) { return item.node < id; };
  return std::lower_bound(list.begin(), list.end(), node, before);
}
template <class T>
T* find_in(std::vector<T>& list, const NodeId& node) {
  auto place = place_in(list, node);
  return place != list.end() && place->node == node ? &*place : nullptr;
}

// False when a drop under way may erase the copy.
bool add_holder(ChunkRecord& record, const Receipt& receipt) {
  const Drop* drop = find_in(record.drops, receipt.node);
  if (drop && receipt.copy <= drop->up_to) return false;
  if (Holder* known = find_in(record.holders, receipt.node)) {
    known->copy = std::max(known->copy, receipt.copy);
    return true;
  }
  if (record.holders.size() >= kHoldersMax) return false;
  Holder holder;
  holder.node = receipt.node;
  holder.copy = receipt.copy;
  record.holders.insert(place_in(record.holders, receipt.node), holder);
  return true;
}

}  // namespace

std::uint16_t form_of(const chunker::ChunkHeader& header) {
  std::uint16_t form = 0;
  if (header.compression != chunker::Compression::none) form |= kFormCompressed;
  if (header.sealed()) form |= kFormSealed;
  return form;
}

Result<ChunkRecord> with_copies(std::optional<ChunkRecord> before, const StoredCopies& stored, std::size_t copies_min) {
  ChunkRecord record;
  record.replicas = stored.replicas;
  // Of one that nobody refers to or holds any more only the drops count: what is stored now is a chunk of its own.
  if (before && before->condemned != 0 && before->holders.empty()) {
    record.drops = std::move(before->drops);
    before.reset();
  }
  auto unproven = [](const Receipt& receipt) { return !receipt.checked; };
  const bool proven = std::ranges::none_of(stored.receipts, unproven);
  if (before) {
    record = std::move(*before);
    // Whose chunk it is alone may add copies that nobody has compared.
    const bool own = !record.checked && record.stored_by == stored.stored_by;
    if (!own && !(record.checked && proven))
      return Error(Code::permission_denied, "the chunk's content was not checked yet, and somebody else stored it");
  } else {
    record.stored_size = stored.stored_size;
    record.form = stored.form;
    record.code = stored.code;
    record.stored_by = stored.stored_by;
    record.checked = proven && !stored.receipts.empty();
  }
  record.replicas = std::max(record.replicas, stored.replicas);
  record.condemned = 0;
  std::vector<NodeId> counted;
  for (const Receipt& receipt : stored.receipts) {
    if (!receipt.durable || receipt.chunk != stored.chunk || !add_holder(record, receipt)) continue;
    if (std::find(counted.begin(), counted.end(), receipt.node) == counted.end()) counted.push_back(receipt.node);
  }
  if (counted.size() < copies_min)
    return Error(Code::too_few_nodes, std::to_string(copies_min) + " durable copies are needed, there are " +
                                          std::to_string(counted.size()));
  return record;
}

bool add_copy(ChunkRecord& record, const Receipt& receipt) { return add_holder(record, receipt); }

bool remove_copy(ChunkRecord& record, const NodeId& node, const CopyNumber& up_to) {
  Holder* holder = find_in(record.holders, node);
  if (!holder || up_to < holder->copy) return false;
  record.holders.erase(place_in(record.holders, node));
  return true;
}

bool forget_node(ChunkRecord& record, const NodeId& node) {
  auto of_node = [&node](const auto& item) { return item.node == node; };
  return std::erase_if(record.holders, of_node) + std::erase_if(record.drops, of_node) > 0;
}

bool begin_stray_drop(ChunkRecord& record, const NodeId& node, const CopyNumber& up_to) {
  if (find_in(record.holders, node)) return false;
  if (Drop* drop = find_in(record.drops, node)) {
    if (up_to <= drop->up_to) return false;
    drop->up_to = up_to;
    drop->erased = false;
    return true;
  }
  if (record.drops.size() >= kHoldersMax) return false;
  Drop made;
  made.node = node;
  made.up_to = up_to;
  record.drops.insert(place_in(record.drops, node), made);
  return true;
}

bool begin_drop(ChunkRecord& record, const NodeId& node) {
  Holder* holder = find_in(record.holders, node);
  if (!holder) return false;
  if (Drop* drop = find_in(record.drops, node)) {
    drop->erased = drop->erased && holder->copy <= drop->up_to;
    drop->up_to = std::max(drop->up_to, holder->copy);
  } else {
    Drop made;
    made.node = node;
    made.up_to = holder->copy;
    record.drops.insert(place_in(record.drops, node), made);
  }
  record.holders.erase(place_in(record.holders, node));
  return true;
}

bool end_drop(ChunkRecord& record, const NodeId& node, const CopyNumber& up_to) {
  Drop* drop = find_in(record.drops, node);
  if (!drop || drop->up_to > up_to) return false;
  record.drops.erase(place_in(record.drops, node));
  return true;
}

bool note_erased(ChunkRecord& record, const Drop& done) {
  Drop* drop = find_in(record.drops, done.node);
  if (!drop || drop->erased || drop->up_to > done.up_to) return false;
  drop->erased = true;
  return true;
}

bool to_erase(const ChunkRecord& record) {
  return std::ranges::any_of(record.drops, [](const Drop& drop) { return !drop.erased; });
}

const Holder* holder_of(const ChunkRecord& record, const NodeId& node) {
  for (const Holder& holder : record.holders)
    if (holder.node == node) return &holder;
  return nullptr;
}

}  // namespace vortex::node
