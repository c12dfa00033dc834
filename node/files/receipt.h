// What a holder of a chunk says about its copy, in a form that whoever carries it cannot change.
#pragma once

#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "base/id.h"
#include "node/chunk_store.h"

namespace vortex::node {

struct Receipt {
  NodeId node;
  ChunkId chunk;
  CopyNumber copy;
  std::uint32_t length = 0;  // of the stored form
  std::uint16_t form = 0;
  // The holder has compared the bytes with the id. Otherwise they came with this request and are what their sender
  // says.
  bool checked = false;
  bool durable = false;  // otherwise: staged, and good for asking the holder to make it durable
  std::array<std::uint8_t, 16> seal{};
  VORTEX_FIELDS(node, chunk, copy, length, form, checked, durable, seal)
};

// Knows what only members know.
class ReceiptSealer {
 public:
  // Keys by which members know each other's seals, the newest first: that one is used, and what any of them sealed is
  // believed. None while the node belongs to no cluster.
  using Keys = std::function<std::vector<Id>()>;
  explicit ReceiptSealer(Keys keys) : keys_(std::move(keys)) {}
  // One that never changes.
  explicit ReceiptSealer(ByteView secret);
  // From the cluster's secret.
  static Id key_of(ByteView secret);

  void seal(Receipt& receipt) const;
  bool sealed(const Receipt& receipt) const;

 private:
  static std::array<std::uint8_t, 16> seal_of(const Receipt& receipt, const Id& key);
  Keys keys_;
};

}  // namespace vortex::node
