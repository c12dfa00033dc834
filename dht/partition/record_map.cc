#include "dht/partition/record_map.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace vortex::dht {

namespace {

// What malloc adds and rounds up, on average.
constexpr std::size_t kAllocationBytes = 16;

}  // namespace

std::strong_ordering compare(const KeyView& a, const KeyView& b) {
  int places = std::memcmp(a.place.bytes.data(), b.place.bytes.data(), Id::kSize);
  if (places != 0) return places <=> 0;
  const std::size_t common = std::min(a.name.size(), b.name.size());
  int names = common == 0 ? 0 : std::memcmp(a.name.data(), b.name.data(), common);
  return names != 0 ? names <=> 0 : a.name.size() <=> b.name.size();
}

PackedRecord::PackedRecord(const KeyView& key, Version version, ByteView value, bool elsewhere)
    : value_size_(static_cast<std::uint32_t>(value.size())),
      version_(version),
      place_(key.place),
      name_size_(static_cast<std::uint16_t>(key.name.size())),
      elsewhere_(elsewhere) {
  std::uint8_t* to = reinterpret_cast<std::uint8_t*>(this + 1);
  std::copy(key.name.begin(), key.name.end(), to);
  std::copy(value.begin(), value.end(), to + key.name.size());
}

PackedRecordPtr PackedRecord::make(const KeyView& key, Version version, ByteView value, bool elsewhere) {
  CHECK(key.name.size() <= UINT16_MAX && value.size() <= UINT32_MAX);
  void* memory = ::operator new(sizeof(PackedRecord) + key.name.size() + value.size());
  CHECK(!elsewhere || value.size() >= sizeof(std::uint32_t));
  return PackedRecordPtr(new (memory) PackedRecord(key, version, value, elsewhere));
}

void PackedRecord::destroy(const PackedRecord* record) {
  record->~PackedRecord();
  ::operator delete(const_cast<PackedRecord*>(record));
}

std::size_t PackedRecord::size() const { return elsewhere_ ? load_le<std::uint32_t>(value().data()) : value_size_; }

std::size_t PackedRecord::footprint() const {
  return sizeof(PackedRecord) + name_size_ + value_size_ + kAllocationBytes;
}

void RecordMap::Node::destroy(Node* node) {
  if (node->leaf) {
    delete node;
  } else {
    delete static_cast<Inner*>(node);
  }
}

std::size_t RecordMap::lower_bound(const Node& leaf, const KeyView& key) {
  auto end = leaf.records.begin() + leaf.count;
  auto below = [](const PackedRecordPtr& record, const KeyView& k) { return compare(record->key(), k) < 0; };
  return static_cast<std::size_t>(std::lower_bound(leaf.records.begin(), end, key, below) - leaf.records.begin());
}

std::size_t RecordMap::child_for(const Node& node, const KeyView& key) {
  auto above = [](const KeyView& k, const PackedRecordPtr& bound) { return compare(k, bound->key()) < 0; };
  auto first = node.records.begin() + 1;
  auto at = std::upper_bound(first, node.records.begin() + node.count, key, above);
  return static_cast<std::size_t>(at - first);
}

const PackedRecord* RecordMap::find(const KeyView& key) const {
  if (!root_) return nullptr;
  const Node* node = root_.get();
  while (!node->leaf) node = inner(*node).children[child_for(*node, key)].get();
  const std::size_t at = lower_bound(*node, key);
  if (at == node->count || !(node->records[at]->key() == key)) return nullptr;
  return node->records[at].get();
}

void RecordMap::make_own(Counted<Node>& node) {
  if (!node.shared()) return;
  Node* copy = node->leaf ? new Node(true) : new Inner();
  copy->count = node->count;
  copy->records = node->records;
  if (!node->leaf) inner(*copy).children = inner(*node).children;
  node = Counted<Node>(copy);
}

void RecordMap::put(PackedRecordPtr record) {
  if (!root_) {
    root_ = Counted<Node>(new Node(true));
    ++nodes_;
  }
  Counted<Node> right = put_into(root_, record);
  if (!right) return;
  Counted<Node> top(new Inner());
  ++nodes_;
  const Node* first = right.get();
  while (!first->leaf) first = inner(*first).children[0].get();
  top->count = 2;
  inner(*top).children[0] = std::move(root_);
  inner(*top).children[1] = std::move(right);
  top->records[1] = PackedRecord::make(first->records[0]->key(), 0, ByteView(), false);
  root_ = std::move(top);
}

Counted<RecordMap::Node> RecordMap::put_into(Counted<Node>& node, PackedRecordPtr& record) {
  make_own(node);
  if (node->leaf) return put_into_leaf(*node, record);
  const std::size_t at = child_for(*node, record->key());
  Counted<Node> right = put_into(inner(*node).children[at], record);
  if (!right) return right;
  const Node* first = right.get();
  while (!first->leaf) first = inner(*first).children[0].get();
  PackedRecordPtr bound = PackedRecord::make(first->records[0]->key(), 0, ByteView(), false);
  const auto place = static_cast<std::ptrdiff_t>(at) + 1, end = static_cast<std::ptrdiff_t>(node->count);
  auto& children = inner(*node).children;
  std::move_backward(children.begin() + place, children.begin() + end, children.begin() + end + 1);
  std::move_backward(node->records.begin() + place, node->records.begin() + end, node->records.begin() + end + 1);
  children[at + 1] = std::move(right);
  node->records[at + 1] = std::move(bound);
  ++node->count;
  return node->count == kFan ? split(*node, at + 2 == kFan) : Counted<Node>();
}

Counted<RecordMap::Node> RecordMap::put_into_leaf(Node& leaf, PackedRecordPtr& record) {
  const std::size_t at = lower_bound(leaf, record->key());
  record_bytes_ += record->footprint();
  if (at < leaf.count && leaf.records[at]->key() == record->key()) {
    record_bytes_ -= leaf.records[at]->footprint();
    leaf.records[at] = std::move(record);
    return Counted<Node>();
  }
  ++records_;
  auto place = leaf.records.begin() + static_cast<std::ptrdiff_t>(at), end = leaf.records.begin() + leaf.count;
  std::move_backward(place, end, end + 1);
  *place = std::move(record);
  ++leaf.count;
  return leaf.count == kFan ? split(leaf, at + 1 == kFan) : Counted<Node>();
}

Counted<RecordMap::Node> RecordMap::split(Node& node, bool at_end) {
  // Records that come in order leave full nodes behind.
  const std::size_t left = at_end ? kFan - 2 : kFan / 2;
  Counted<Node> right(node.leaf ? new Node(true) : new Inner());
  ++nodes_;
  right->count = static_cast<std::uint16_t>(node.count - left);
  for (std::size_t i = left; i < node.count; ++i) {
    right->records[i - left] = std::move(node.records[i]);
    if (!node.leaf) inner(*right).children[i - left] = std::move(inner(node).children[i]);
  }
  if (!node.leaf) right->records[0] = PackedRecordPtr();
  node.count = static_cast<std::uint16_t>(left);
  return right;
}

bool RecordMap::erase(const KeyView& key) {
  if (!find(key)) return false;
  erase_from(root_, key);
  while (!root_->leaf && root_->count == 1) {
    Counted<Node> only = inner(*root_).children[0];
    root_ = std::move(only);
    --nodes_;
  }
  if (root_->count == 0) {
    root_ = Counted<Node>();
    --nodes_;
  }
  return true;
}

void RecordMap::erase_from(Counted<Node>& node, const KeyView& key) {
  make_own(node);
  if (node->leaf) return erase_from_leaf(*node, key);
  const std::size_t at = child_for(*node, key);
  erase_from(inner(*node).children[at], key);
  shrink_child(inner(*node), at);
}

void RecordMap::erase_from_leaf(Node& leaf, const KeyView& key) {
  const std::size_t at = lower_bound(leaf, key);
  record_bytes_ -= leaf.records[at]->footprint();
  --records_;
  auto place = leaf.records.begin() + static_cast<std::ptrdiff_t>(at), end = leaf.records.begin() + leaf.count;
  std::move(place + 1, end, place);
  leaf.records[--leaf.count] = PackedRecordPtr();
}

void RecordMap::shrink_child(Inner& parent, std::size_t at) {
  const std::size_t count = parent.children[at]->count;
  if (count == 0) {
    remove_child(parent, at);
    --nodes_;
    return;
  }
  if (count >= kMergeBelow) return;
  auto fits = [&parent](std::size_t left) {
    return left + 1 < parent.count && parent.children[left]->count + parent.children[left + 1]->count < int(kFan) - 8;
  };
  if (fits(at)) {
    merge_children(parent, at);
  } else if (at > 0 && fits(at - 1)) {
    merge_children(parent, at - 1);
  }
}

void RecordMap::merge_children(Inner& parent, std::size_t left) {
  make_own(parent.children[left]);
  Node& into = *parent.children[left];
  const Node& from = *parent.children[left + 1];
  for (std::size_t i = 0; i < from.count; ++i) {
    into.records[into.count + i] = from.records[i];
    if (!into.leaf) inner(into).children[into.count + i] = inner(from).children[i];
  }
  if (!into.leaf) into.records[into.count] = parent.records[left + 1];
  into.count = static_cast<std::uint16_t>(into.count + from.count);
  remove_child(parent, left + 1);
  --nodes_;
}

void RecordMap::remove_child(Inner& parent, std::size_t at) {
  const auto place = static_cast<std::ptrdiff_t>(at);
  std::move(parent.children.begin() + place + 1, parent.children.begin() + parent.count,
            parent.children.begin() + place);
  std::move(parent.records.begin() + place + 1, parent.records.begin() + parent.count, parent.records.begin() + place);
  --parent.count;
  parent.children[parent.count] = Counted<Node>();
  parent.records[parent.count] = PackedRecordPtr();
  // The first child has no bound.
  if (at == 0) parent.records[0] = PackedRecordPtr();
}

}  // namespace vortex::dht
