// Uploads, references and chunk records over linearizable records: what a store and a removal do, and the steps of
// which the janitor is made. Every step can be repeated and can be done by anybody.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/env.h"
#include "dht/records.h"
#include "node/files/chunk_record.h"
#include "node/files/chunk_visit.h"
#include "node/files/keys.h"
#include "node/namespace/plan.h"

namespace vortex::node {

// What a step has left.
enum class DropProgress : std::uint8_t {
  nothing,  // to do, now
  more,     // steps
  gone,     // the record, and the chunk with it
};

class ChunkRecords {
 public:
  ChunkRecords(Env& env, dht::Records& records) : env_(env), records_(records) {}

  // -- a store --
  // Of `terms` count the numbers of copies and the access key.
  Task<Result<UploadName>> open_upload(Id place, Upload terms, Duration timeout);
  // `expired` when it is not open any more.
  Task<Result<Upload>> open_upload_record(UploadName upload, Duration timeout);
  // Says that the writer is alive. `expired` when the upload was taken back.
  Task<Status> renew_upload(UploadName upload, Duration timeout);
  // These copies are there, and this upload refers to them.
  Task<Status> add_copies(StoredCopies stored, UploadName upload, std::size_t copies_min, Duration timeout);
  // This upload refers to a chunk that is there anyway; `not_found` when it is not, or is on its way out.
  Task<Status> add_reference(ChunkId chunk, UploadName upload, std::uint8_t replicas, Duration timeout);
  // After the commit: its references name the inode from now on, and the upload record goes.
  Task<Status> confirm(UploadName upload, chunker::NodeSource& nodes, Duration timeout) {
    return confirm(upload, nodes, false, timeout);
  }
  // The writer gives up. `precondition_failed` when it was committed.
  Task<Status> abort_upload(UploadName upload, Duration timeout);

  Task<Result<std::optional<ChunkRecord>>> get(ChunkId chunk, Duration timeout);

  // -- what is let go --
  // Does what the release record says, then removes it. Nothing when there is none.
  Task<Status> settle_release(dht::Key release, chunker::NodeSource& nodes, Duration timeout);
  Task<Result<std::vector<dht::Key>>> releases(Id place, std::size_t max, Duration timeout);

  // -- the janitor's --
  // A pending reference is confirmed or removed, as its upload says; of an open upload it stays.
  Task<Status> settle_reference(ChunkId chunk, Id upload, Duration timeout);
  // An open upload whose record still has this version is aborted; an aborted one is forgotten, a committed one
  // confirmed. `settled`: a committed one is forgotten though not all its references can be found.
  Task<Status> settle_upload(UploadName upload, dht::Version version, bool settled, chunker::NodeSource& nodes,
                             Duration timeout);
  // A chunk without references is condemned.
  Task<Status> condemn(ChunkId chunk, Duration timeout);
  // Takes one step towards the end of a chunk that is still condemned as it was (0: none): writes down the drops, or
  // erases what is written down, or forgets the chunk. Of a chunk that stays: erases what is written down. An error
  // when no holder could be made to erase.
  using Erase = std::function<Task<Status>(NodeId, ChunkId, CopyNumber)>;
  Task<Result<DropProgress>> drop_step(ChunkId chunk, FileTime condemned, Erase erase, Duration timeout);
  // Nobody who refers to it wants so many copies any more: as many as the one wants who wants most.
  Task<Status> lower_replicas(ChunkId chunk, Duration timeout);
  // These nodes have compared their copies with the id. Other holders count for nothing any more.
  Task<Status> mark_checked(ChunkId chunk, std::vector<NodeId> proven, Duration timeout);

  // -- the managers'; of a chunk that is there --
  // A durable copy more, which was compared with the id. `not_found` when the chunk is gone or condemned, `stale` when
  // the copy is one that is being erased.
  Task<Status> add_copy(Receipt receipt, Duration timeout);
  // The node has no copy up to this number any more.
  Task<Status> remove_copy(ChunkId chunk, NodeId node, CopyNumber up_to, Duration timeout);
  // The copies of these nodes are to go, unless the record has changed since it had this version: written down, and
  // not erased yet. False when it has.
  Task<Result<bool>> begin_drops(ChunkId chunk, dht::Version version, std::vector<NodeId> nodes, Duration timeout);
  // These nodes are gone for good, with what they held.
  Task<Status> forget_nodes(ChunkId chunk, std::vector<NodeId> nodes, Duration timeout);
  // The node has copies up to this number of which no record knows: written down as to be erased, by a record of their
  // own where there is none. Nothing when the record says that the node holds it, or is another than `known` by now.
  struct Known {
    std::optional<ChunkRecord> record;
    dht::Version version = 0;
  };
  Task<Status> drop_stray(ChunkId chunk, Known known, NodeId node, CopyNumber up_to, Duration timeout);

  Task<Result<Known>> look(ChunkId chunk, Duration timeout);

 private:
  // Reads, lets `change` decide, writes; again when somebody was quicker. `change` returns false to leave it.
  using Change = std::function<Result<bool>(std::optional<ChunkRecord>&)>;
  Task<Status> change(ChunkId chunk, Change change, Duration timeout);
  Task<Result<bool>> commit(Plan plan, Duration timeout);
  Task<Status> refer(ChunkId chunk, UploadName upload, StoredCopies stored, std::size_t copies_min, Duration timeout);
  Task<Status> confirm(UploadName upload, chunker::NodeSource& nodes, bool settled, Duration timeout);
  Task<Status> confirm_reference(ChunkId chunk, UploadName upload, Id inode, Duration timeout);
  Task<Status> drop_references(ChunkId chunk, std::vector<Id> uploads, Duration timeout);
  FileTime wall_now() const;

  Env& env_;
  dht::Records& records_;
};

}  // namespace vortex::node
