// What a holder of a chunk says about its copy, in a form that whoever carries it cannot change.
#pragma once

#include <array>

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
  bool durable = false;  // otherwise: staged, and good for asking the holder to make it durable
  std::array<std::uint8_t, 16> seal{};
  VORTEX_FIELDS(node, chunk, copy, length, form, durable, seal)
};

// Knows what only members know.
class ReceiptSealer {
 public:
  // From the cluster's secret.
  explicit ReceiptSealer(ByteView secret);

  void seal(Receipt& receipt) const;
  bool sealed(const Receipt& receipt) const;

 private:
  std::array<std::uint8_t, 16> seal_of(const Receipt& receipt) const;
  Id key_;
};

}  // namespace vortex::node
