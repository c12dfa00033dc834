// What the cluster knows about a chunk: who holds it, who refers to it. Pure values and their rules.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "node/files/receipt.h"
#include "node/files/upload.h"

namespace vortex::node {

struct Holder {
  NodeId node;
  CopyNumber copy;         // the latest one known to be durable there
  std::uint8_t shard = 0;  // of a coded chunk
  bool operator==(const Holder&) const = default;
  VORTEX_FIELDS(node, copy, shard)
};

// Copies up to this number are being erased there: they count for nothing, and later ones are not touched by it.
struct Drop {
  NodeId node;
  CopyNumber up_to;
  bool erased = false;  // they are; it stays as long as a receipt for one of them may be on its way
  bool operator==(const Drop&) const = default;
  VORTEX_FIELDS(node, up_to, erased)
};

inline constexpr std::size_t kHoldersMax = 64;

// What a holder keeps beside a copy's bytes. Two copies of a chunk may differ in it: the id is that of the content.
inline constexpr std::uint16_t kFormCompressed = 1, kFormSealed = 2;
std::uint16_t form_of(const chunker::ChunkHeader& header);

struct ChunkRecord {
  static constexpr std::uint8_t kFormat = 1;
  std::uint32_t stored_size = 0;
  std::uint16_t form = 0;
  chunker::CodePolicy code;
  std::uint8_t replicas = 3;    // the strongest wish of those who refer to it
  bool checked = false;         // its holders have compared the content with the id, each its own
  Id stored_by;                 // until then only files stored with this access key may share it
  FileTime condemned = 0;       // since when nobody refers to it; 0: somebody does
  std::vector<Holder> holders;  // by node
  std::vector<Drop> drops;      // by node
  VORTEX_FIELDS(stored_size, form, code, replicas, checked, stored_by, condemned, holders, drops)
};

// (chunk, upload) → this. A reference counts from when it is written: as long as it is there, the chunk stays.
struct Reference {
  static constexpr std::uint8_t kFormat = 1;
  UploadName upload;
  bool confirmed = false;  // the upload was committed; before, its record decides
  Id inode;                // of a confirmed one
  std::uint8_t replicas = 3;
  VORTEX_FIELDS(upload, confirmed, inode, replicas)
};

// What a store brings for one chunk.
struct StoredCopies {
  ChunkId chunk;
  std::uint32_t stored_size = 0;
  std::uint16_t form = 0;
  chunker::CodePolicy code;
  std::uint8_t replicas = 3;
  Id stored_by;
  std::vector<Receipt> receipts;  // durable ones, with seals that were checked
  VORTEX_FIELDS(chunk, stored_size, form, code, replicas, stored_by, receipts)
};

// The record with these copies; a condemned chunk is taken back. `too_few_nodes` when fewer than `copies_min` of the
// receipts are for copies that stay: one that a drop under way may erase counts for nothing. `permission_denied` when
// the chunk may not be shared with this key yet, or others share it and a holder has not compared its copy with the id.
Result<ChunkRecord> with_copies(std::optional<ChunkRecord> before, const StoredCopies& stored, std::size_t copies_min);
// A durable copy more; false when a drop under way may erase it.
bool add_copy(ChunkRecord& record, const Receipt& receipt);
// The node has no copy up to this number any more. False when the record knows of none, or of a newer one.
bool remove_copy(ChunkRecord& record, const NodeId& node, const CopyNumber& up_to);
// The node is gone for good. False when the record does not name it.
bool forget_node(ChunkRecord& record, const NodeId& node);
// Copies up to this number, of a node that is not known to hold any, go. False when nothing changes.
bool begin_stray_drop(ChunkRecord& record, const NodeId& node, const CopyNumber& up_to);
// The holder's copy goes: what it has up to the number in the record.
bool begin_drop(ChunkRecord& record, const NodeId& node);
// It is gone.
bool end_drop(ChunkRecord& record, const NodeId& node, const CopyNumber& up_to);
// The same where the drop stays, since nobody holds the chunk any more. False when nothing changes.
bool note_erased(ChunkRecord& record, const Drop& drop);
// Is there a drop whose copies are not erased yet?
bool to_erase(const ChunkRecord& record);
const Holder* holder_of(const ChunkRecord& record, const NodeId& node);

}  // namespace vortex::node
