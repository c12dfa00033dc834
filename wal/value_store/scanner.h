// Reads a segment's records one after the other, and finds its way on where there is none.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "base/disk.h"
#include "wal/value_store/segment.h"

namespace vortex::wal::values {

// So often is read what looks wrong before that is believed.
inline constexpr int kReads = 3;

// A file through a window: long reads for short questions. A block that the disk cannot read looks like zeros and is
// remembered; one bad block must not take its neighbours with it.
class WindowReader {
 public:
  WindowReader(File& file, std::uint64_t end, std::size_t window) : file_(file), end_(end), window_(window) {}
  // At least `bytes` from `offset` (fewer at the end), and what else is at hand. Valid until the next call.
  Task<Result<ByteView>> at(std::uint64_t offset, std::size_t bytes);
  std::uint64_t bytes_read() const { return bytes_read_; }
  // The next look goes to the file.
  void forget() { held_ = 0; }
  // Was any byte in there unreadable, as far as it was looked at?
  bool unreadable(std::uint64_t from, std::uint64_t to) const;

 private:
  Task<Result<std::size_t>> fill(std::uint64_t offset, std::size_t wanted);
  void readable(std::uint64_t from, std::uint64_t to);

  File& file_;
  std::uint64_t end_;
  std::size_t window_;
  std::set<std::uint64_t> bad_blocks_;  // offsets
  ByteVector buffer_;
  std::uint64_t begin_ = 0;
  std::size_t held_ = 0;
  std::uint64_t bytes_read_ = 0;
};

struct ScanItem {
  std::uint64_t offset = 0, length = 0;
  std::optional<RecordHeader> record;  // nothing: no readable record lies in these bytes
  bool repaired = false;               // one bit of it was wrong
  bool cut = false;                    // the file ends within it
  bool unreadable = false;             // the disk could not read all of it, as far as it was looked at
};

class SegmentScanner {
 public:
  // `end`: where the file, or what is to be read of it, ends.
  SegmentScanner(File& file, std::uint64_t seal, std::uint64_t begin, std::uint64_t end, std::size_t window = kWindow)
      : reader_(file, end, window), seal_(seal), at_(begin), end_(end) {}

  // False at the end. What lies between two records comes as one item without a record. Nothing is called damaged that
  // a second read finds sound.
  Task<Result<bool>> next(ScanItem& item);
  // All bytes of the item that came last. Valid until the next call.
  Task<Result<ByteView>> bytes(const ScanItem& item);
  // The same for a value, read again when it is not sound; nothing when it is not sound then either.
  Task<Result<std::optional<ByteView>>> sound_value(const ScanItem& item);
  std::uint64_t position() const { return at_; }
  bool unreadable(const ScanItem& item) const { return reader_.unreadable(item.offset, item.offset + item.length); }
  std::uint64_t bytes_read() const { return reader_.bytes_read(); }

  static constexpr std::size_t kWindow = 256 * kKiB;

 private:
  Task<Result<bool>> record_at(std::uint64_t offset, bool may_repair, ScanItem& item);
  Task<Result<std::uint64_t>> search(std::uint64_t from);

  WindowReader reader_;
  std::uint64_t seal_;
  std::uint64_t at_;
  std::uint64_t end_;
};

}  // namespace vortex::wal::values
