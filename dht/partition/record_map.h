// An ordered map of records that costs little memory and can be held as of one moment while it goes on changing: a
// B+ tree whose nodes are copied before they change when somebody else still holds them.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/endian.h"
#include "dht/partition/counted.h"
#include "dht/records.h"

namespace vortex::dht {

struct KeyView {
  const Id& place;
  ByteView name;

  KeyView(const Id& p, ByteView n) : place(p), name(n) {}
  KeyView(const Key& key) : place(key.place), name(key.name) {}  // NOLINT(google-explicit-constructor)
  Key copy() const { return Key{place, to_vector(name)}; }
};
std::strong_ordering compare(const KeyView& a, const KeyView& b);
inline bool operator==(const KeyView& a, const KeyView& b) { return compare(a, b) == 0; }

class PackedRecord;
using PackedRecordPtr = Counted<const PackedRecord>;

// A record in one piece of memory: the fields, then the name, then the value. Never changed.
class PackedRecord {
 public:
  // `elsewhere`: the bytes say where the value is instead of being it; the first four of them are its size.
  static PackedRecordPtr make(const KeyView& key, Version version, ByteView value, bool elsewhere);
  static void destroy(const PackedRecord* record);

  KeyView key() const { return {place_, ByteView(bytes(), name_size_)}; }
  Version version() const { return version_; }
  ByteView value() const { return {bytes() + name_size_, value_size_}; }
  bool elsewhere() const { return elsewhere_; }
  // Of the value, wherever it is.
  std::size_t size() const;
  // What it takes of memory.
  std::size_t footprint() const;

  mutable std::uint32_t references = 0;

 private:
  PackedRecord(const KeyView& key, Version version, ByteView value, bool elsewhere);
  const std::uint8_t* bytes() const { return reinterpret_cast<const std::uint8_t*>(this + 1); }

  std::uint32_t value_size_;
  Version version_;
  Id place_;
  std::uint16_t name_size_;
  bool elsewhere_;
};

class RecordMap {
 public:
  // A copy is the same map as of now; it costs nothing until one of the two changes.
  RecordMap() = default;

  const PackedRecord* find(const KeyView& key) const;
  // Adds it or replaces the one of this key.
  void put(PackedRecordPtr record);
  bool erase(const KeyView& key);
  void clear() { *this = RecordMap(); }

  // Tells `f` every record from this key on, in order, until it returns false. `f` must not change the map.
  template <class F>
  void visit(const KeyView& from, F f) const {
    if (root_) visit_node(*root_, &from, f);
  }

  std::size_t size() const { return records_; }
  // Memory of the records and the tree, as if nobody shared it.
  std::size_t footprint() const { return record_bytes_ + nodes_ * kNodeBytes; }

 private:
  static constexpr std::size_t kFan = 64;
  static constexpr std::size_t kMergeBelow = kFan / 4;
  // A leaf holds records; an inner node holds children and, for each but the first, a record without a value whose key
  // is not above the child's keys and above all those before.
  struct Node {
    std::uint32_t references = 0;
    std::uint16_t count = 0;
    const bool leaf;
    std::array<PackedRecordPtr, kFan> records;

    explicit Node(bool is_leaf) : leaf(is_leaf) {}
    static void destroy(Node* node);
  };
  struct Inner : Node {
    Inner() : Node(false) {}
    std::array<Counted<Node>, kFan> children;
  };
  static constexpr std::size_t kNodeBytes = sizeof(Node) + 16;
  static Inner& inner(Node& node) { return static_cast<Inner&>(node); }
  static const Inner& inner(const Node& node) { return static_cast<const Inner&>(node); }

  // In a leaf: the first record not below the key.
  static std::size_t lower_bound(const Node& leaf, const KeyView& key);
  // In an inner node: the child in which the key belongs.
  static std::size_t child_for(const Node& node, const KeyView& key);
  static void make_own(Counted<Node>& node);
  // A right half, where the node had to be split.
  Counted<Node> put_into(Counted<Node>& node, PackedRecordPtr& record);
  Counted<Node> put_into_leaf(Node& leaf, PackedRecordPtr& record);
  // What was just added at the end shall stay beside room for what comes behind it.
  Counted<Node> split(Node& node, bool at_end);
  void erase_from(Counted<Node>& node, const KeyView& key);
  void erase_from_leaf(Node& leaf, const KeyView& key);
  void shrink_child(Inner& parent, std::size_t at);
  void merge_children(Inner& parent, std::size_t left);
  static void remove_child(Inner& parent, std::size_t at);

  template <class F>
  static bool visit_node(const Node& node, const KeyView* from, F& f) {
    if (node.leaf) {
      for (std::size_t i = from ? lower_bound(node, *from) : 0; i < node.count; ++i)
        if (!f(*node.records[i])) return false;
      return true;
    }
    for (std::size_t i = from ? child_for(node, *from) : 0; i < node.count; ++i, from = nullptr)
      if (!visit_node(*inner(node).children[i], from, f)) return false;
    return true;
  }

  Counted<Node> root_;
  std::size_t records_ = 0;
  std::size_t record_bytes_ = 0;
  std::size_t nodes_ = 0;
};

}  // namespace vortex::dht
