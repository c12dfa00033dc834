#include "wal/checkpoint.h"

#include <algorithm>

#include "base/endian.h"
#include "base/hash.h"
#include "base/limits.h"
#include "wal/failed_sync.h"

namespace vortex::wal {

namespace {
constexpr std::uint32_t kCheckpointMagic = 0x504B4356;  // "VCKP"
constexpr std::uint16_t kCheckpointVersion = 1;
constexpr std::size_t kBlockHeader = 48;
constexpr std::size_t kPayloadMaxOfBlock = kCheckpointBlock - kBlockHeader;
constexpr std::uint16_t kFlagLast = 1;
constexpr std::string_view kUnfinished = ".ck.new";

// Every block says which file it belongs to and which place it has there.
struct BlockHeader {
  std::uint16_t flags = 0;
  std::uint64_t file_id = 0;
  std::uint64_t number = 0;
  std::uint64_t label = 0;
  std::uint32_t length = 0;
};

void encode(const BlockHeader& header, MutableBytes block) {
  std::uint8_t* to = block.data();
  store_le(to, kCheckpointMagic);
  store_le(to + 4, kCheckpointVersion);
  store_le(to + 6, header.flags);
  store_le(to + 8, header.file_id);
  store_le(to + 16, header.number);
  store_le(to + 24, header.label);
  store_le(to + 32, header.length);
  store_le(to + 36, std::uint32_t(0));
  std::memset(to + kBlockHeader + header.length, 0, block.size() - kBlockHeader - header.length);
  std::uint64_t payload = xxh3(block.subspan(kBlockHeader));
  store_le(to + 40, xxh3(block.first(40)) ^ payload);
}

// Nothing when magic or check is wrong.
bool decode(ByteView block, BlockHeader& header) {
  const std::uint8_t* from = block.data();
  if (load_le<std::uint32_t>(from) != kCheckpointMagic) return false;
  if (load_le<std::uint64_t>(from + 40) != (xxh3(block.first(40)) ^ xxh3(block.subspan(kBlockHeader)))) return false;
  header.flags = load_le<std::uint16_t>(from + 6);
  header.file_id = load_le<std::uint64_t>(from + 8);
  header.number = load_le<std::uint64_t>(from + 16);
  header.label = load_le<std::uint64_t>(from + 24);
  header.length = load_le<std::uint32_t>(from + 32);
  return header.length <= kPayloadMaxOfBlock && (header.flags & ~kFlagLast) == 0 &&
         load_le<std::uint32_t>(from + 36) == 0;
}

std::string unfinished_path(const std::string& directory, const std::string& name) {
  return directory + "/" + name + std::string(kUnfinished);
}
}  // namespace

CheckpointWriter::CheckpointWriter(Env& env, std::string directory, std::string name, std::uint64_t label)
    : env_(env),
      directory_(std::move(directory)),
      name_(std::move(name)),
      label_(label),
      file_id_(env.random().next()),
      buffer_(Buffer::allocate(kCheckpointWrite)) {}

CheckpointWriter::~CheckpointWriter() = default;

Task<Result<std::unique_ptr<CheckpointWriter>>> CheckpointWriter::create(Env& env, std::string directory,
                                                                         std::string name, std::uint64_t label) {
  std::unique_ptr<CheckpointWriter> writer(new CheckpointWriter(env, directory, name, label));
  OpenOptions how;
  how.create = true;
  how.truncate = true;
  std::string path = unfinished_path(directory, name);
  CO_ASSIGN_OR_RETURN(writer->file_, co_await env.disk().open(path, how));
  writer->begin_block();
  co_return writer;
}

void CheckpointWriter::begin_block() {
  block_at_ = filled_;
  filled_ += kBlockHeader;
}

void CheckpointWriter::end_block(bool last) {
  BlockHeader header;
  header.flags = last ? kFlagLast : 0;
  header.file_id = file_id_;
  header.number = blocks_++;
  header.label = label_;
  header.length = static_cast<std::uint32_t>(filled_ - block_at_ - kBlockHeader);
  encode(header, buffer_.writable().subspan(block_at_, kCheckpointBlock));
  filled_ = block_at_ + kCheckpointBlock;
}

Task<Status> CheckpointWriter::flush() {
  ByteView bytes = buffer_.view().first(filled_);
  std::span<const ByteView> pieces(&bytes, 1);
  state_ = co_await file_->write_at(written_, pieces);
  written_ += filled_;
  filled_ = 0;
  co_return state_;
}

Task<Status> CheckpointWriter::write(ByteView bytes) {
  while (state_.ok() && !bytes.empty()) {
    std::size_t left = block_at_ + kCheckpointBlock - filled_;
    if (left == 0) {
      end_block(false);
      if (filled_ == buffer_.size()) CO_RETURN_IF_ERROR(co_await flush());
      begin_block();
      continue;
    }
    std::size_t piece = std::min(left, bytes.size());
    std::memcpy(buffer_.writable().data() + filled_, bytes.data(), piece);
    filled_ += piece;
    bytes_ += piece;
    bytes = bytes.subspan(piece);
  }
  co_return state_;
}

Task<Status> CheckpointWriter::finish() {
  CO_RETURN_IF_ERROR(state_);
  end_block(true);
  CO_RETURN_IF_ERROR(co_await flush());
  state_ = Error(Code::closed, "the checkpoint is finished");
  std::string from = unfinished_path(directory_, name_), to = directory_ + "/" + name_;
  Status done = co_await file_->sync();
  CO_RETURN_IF_ERROR(synced(env_, done, from));
  CO_RETURN_IF_ERROR(co_await env_.disk().rename(from, to));
  done = co_await env_.disk().sync_directory(directory_);
  co_return synced(env_, done, directory_);
}

CheckpointReader::CheckpointReader(std::string path, std::unique_ptr<File> file, std::uint64_t size)
    : path_(std::move(path)), file_(std::move(file)), size_(size), buffer_(Buffer::allocate(kCheckpointWrite)) {}

Error CheckpointReader::damaged(std::uint64_t offset, const char* what) const {
  return Error(Code::damaged, path_ + " at " + std::to_string(offset) + ": " + what);
}

Task<Result<std::unique_ptr<CheckpointReader>>> CheckpointReader::open(Env& env, std::string path) {
  OpenOptions how;
  how.read_only = true;
  CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open(path, how));
  CO_ASSIGN_OR_RETURN(std::uint64_t size, co_await file->size());
  std::unique_ptr<CheckpointReader> reader(new CheckpointReader(path, std::move(file), size));
  CO_RETURN_IF_ERROR(co_await reader->fill());
  if (reader->have_ < kCheckpointBlock) co_return reader->damaged(0, "the file is too short");
  ByteView block = reader->buffer_.view().first(kCheckpointBlock);
  // Where a version stands and what begins the file is the same in all versions.
  auto version = load_le<std::uint16_t>(block.data() + 4);
  if (load_le<std::uint32_t>(block.data()) == kCheckpointMagic && version > kCheckpointVersion)
    co_return Error(Code::unsupported_version, path + " was written by a newer version of this program");
  BlockHeader header;
  if (!decode(block, header) || header.number != 0) co_return reader->damaged(0, "not the first block of a checkpoint");
  reader->file_id_ = header.file_id;
  reader->label_ = header.label;
  co_return reader;
}

Task<Status> CheckpointReader::fill() {
  at_ += have_;
  have_ = taken_ = 0;
  auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), size_ - at_));
  if (wanted == 0) co_return Status();
  MutableBytes into = buffer_.writable().first(wanted);
  CO_ASSIGN_OR_RETURN(have_, co_await file_->read_at(at_, into));
  co_return Status();
}

Result<ByteView> CheckpointReader::take_block() {
  std::uint64_t offset = at_ + taken_;
  ByteView block = buffer_.view().subspan(taken_, kCheckpointBlock);
  BlockHeader header;
  if (!decode(block, header)) return damaged(offset, "a block is damaged");
  if (header.file_id != file_id_ || header.number != blocks_ || header.label != label_)
    return damaged(offset, "a block is out of place");
  if ((header.flags & kFlagLast) == 0 && header.length != kPayloadMaxOfBlock)
    return damaged(offset, "a block in the middle is not full");
  taken_ += kCheckpointBlock;
  ++blocks_;
  ended_ = (header.flags & kFlagLast) != 0;
  if (ended_ && at_ + taken_ != size_) return damaged(offset, "something follows the last block");
  return block.subspan(kBlockHeader, header.length);
}

Task<Result<ByteView>> CheckpointReader::next() {
  if (ended_) co_return ByteView();
  if (taken_ == have_) CO_RETURN_IF_ERROR(co_await fill());
  if (have_ - taken_ < kCheckpointBlock) co_return damaged(at_ + taken_, "the file is cut short");
  co_return take_block();
}

Task<Status> remove_unfinished_checkpoints(Env& env, std::string directory) {
  CO_ASSIGN_OR_RETURN(auto entries, co_await env.disk().list(directory));
  for (const DirectoryEntry& entry : entries) {
    if (entry.directory || !entry.name.ends_with(kUnfinished)) continue;
    std::string path = directory + "/" + entry.name;
    CO_RETURN_IF_ERROR(co_await env.disk().remove(path));
  }
  co_return Status();
}

}  // namespace vortex::wal
