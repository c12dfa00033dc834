// Large state in a file of its own: written beside the old one, synced, renamed; checked block by block when it is
// read. The bytes mean nothing here. Before a checkpoint is complete nothing of it can be seen under its name.
#pragma once

#include <memory>
#include <string>

#include "base/env.h"
#include "base/limits.h"

namespace vortex::wal {

// Of one block with its header, and of what one write carries.
inline constexpr std::size_t kCheckpointBlock = 64 * kKiB;
inline constexpr std::size_t kCheckpointWrite = 1 * kMiB;
static_assert(kCheckpointWrite % kCheckpointBlock == 0);

class CheckpointWriter {
 public:
  // `directory` must exist. `label` is the caller's, for example a version of what the bytes mean; the reader gets it
  // back.
  static Task<Result<std::unique_ptr<CheckpointWriter>>> create(Env& env, std::string directory, std::string name,
                                                                std::uint64_t label);
  // Without finish() nothing has changed; what was written is removed by remove_unfinished_checkpoints().
  ~CheckpointWriter();

  // In pieces of any size. Returns at once while there is room in the buffer.
  Task<Status> write(ByteView bytes);
  // After success the new checkpoint is durable under its name, in place of an older one.
  Task<Status> finish();
  std::uint64_t bytes() const { return bytes_; }

 private:
  CheckpointWriter(Env& env, std::string directory, std::string name, std::uint64_t label);
  Task<Status> flush();
  void begin_block();
  void end_block(bool last);

  Env& env_;
  const std::string directory_, name_;
  const std::uint64_t label_;
  std::uint64_t file_id_ = 0;
  std::unique_ptr<File> file_;
  Buffer buffer_;
  std::size_t filled_ = 0;  // in the buffer, whole blocks and the one being filled
  std::size_t block_at_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t blocks_ = 0;
  std::uint64_t bytes_ = 0;
  Status state_;
};

class CheckpointReader {
 public:
  // `not_found`, `damaged`, `unsupported_version`.
  static Task<Result<std::unique_ptr<CheckpointReader>>> open(Env& env, std::string path);
  std::uint64_t label() const { return label_; }
  // The next bytes, valid until the next call; none at the end. `damaged`, with file and offset, when a block is not
  // what was written, or the file is too short or too long.
  Task<Result<ByteView>> next();

 private:
  CheckpointReader(std::string path, std::unique_ptr<File> file, std::uint64_t size);
  Error damaged(std::uint64_t offset, const char* what) const;
  Task<Status> fill();
  Result<ByteView> take_block();

  const std::string path_;
  std::unique_ptr<File> file_;
  const std::uint64_t size_;
  Buffer buffer_;
  std::size_t have_ = 0, taken_ = 0;
  std::uint64_t at_ = 0;  // of the buffer in the file
  std::uint64_t file_id_ = 0;
  std::uint64_t label_ = 0;
  std::uint64_t blocks_ = 0;
  bool ended_ = false;
};

// After a crash: files of checkpoints that were never finished.
Task<Status> remove_unfinished_checkpoints(Env& env, std::string directory);

}  // namespace vortex::wal
