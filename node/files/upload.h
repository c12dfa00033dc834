// The records by which chunks come to be held and let go. Deletion never trusts a clock or a guess alone: whoever
// commits and whoever takes back change the same upload record, and one of them comes first.
#pragma once

#include <vector>

#include "node/files/inode.h"

namespace vortex::node {

enum class UploadState : std::uint8_t {
  open = 0,       // its writer may still commit it
  committed = 1,  // the name points at its content; its references can be confirmed
  aborted = 2,    // nothing of it counts; a missing upload record means the same for a reference that is pending
};
constexpr UploadState max_enum_value(UploadState) { return UploadState::aborted; }

// Where an upload record is: in the place of the directory (or the part of it) where it was opened.
struct UploadName {
  Id place;
  Id id;
  bool operator==(const UploadName&) const = default;
  VORTEX_FIELDS(place, id)
};

struct Upload {
  static constexpr std::uint8_t kFormat = 1;
  UploadState state = UploadState::open;
  FileTime opened = 0, renewed = 0;
  std::uint8_t replicas = 3, copies_min = 1;  // wanted of its chunks, and needed before they count as stored
  Id stored_by;                               // the access key, as chunk records name it
  // From the commit on: whose content, and what it consists of, for whoever confirms the references.
  Id inode;
  std::optional<chunker::Manifest> manifest;
  VORTEX_FIELDS(state, opened, renewed, replicas, copies_min, stored_by, inode, manifest)
};

// Left by what replaced or removed content, in the same batch: these uploads' references of the chunks of `manifest`
// are to go, except of those chunks that `kept` has. Removed when they are gone.
struct Release {
  static constexpr std::uint8_t kFormat = 1;
  FileTime at = 0;
  Id inode;
  std::vector<Id> uploads;
  chunker::Manifest manifest;
  std::optional<chunker::Manifest> kept;
  VORTEX_FIELDS(at, inode, uploads, manifest, kept)
};

}  // namespace vortex::node
