// A machine's drive: its files, the time they take, and everything that can go wrong with them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/loop.h"
#include "tests/sim/drive_options.h"
#include "tests/sim/file_system.h"
#include "tests/sim/waiters.h"

namespace vortex::sim {

class Machine;
class Process;

enum class DiskOp : std::uint8_t {
  open,
  read,
  write,
  sync,
  allocate,
  punch_hole,
  truncate,
  size,
  rename,
  remove,
  make_directories,
  sync_directory,
  list,
  space,
  lock,
};
std::string_view to_string(DiskOp op);
std::optional<DiskOp> parse_disk_op(std::string_view text);

// What becomes of a call: it fails, or the process or the machine dies while it is under way.
enum class DiskEffect : std::uint8_t { io_error, no_space, kill, power_cut };

// Meets the calls that match, after letting `skip` of them pass.
struct DiskFault {
  DiskEffect effect = DiskEffect::io_error;
  std::optional<DiskOp> op;  // any, when it is not given
  std::string path;          // part of the path; empty for all
  std::uint64_t skip = 0;
  std::uint64_t count = 1;
};

// One call under way. It lives in the frame of the coroutine that waits for it.
class DiskCall : public Waiter {
 public:
  DiskCall(Process& process, DiskOp op, std::string_view path, std::uint64_t number, std::uint64_t bytes);
  ~DiskCall() override;
  // Virtual time passes, the call takes effect, and this is how it ended.
  Task<Status> run();
  void fire() override;

  DiskOp op() const { return op_; }
  std::string_view path() const { return path_; }
  std::uint64_t bytes() const { return bytes_; }

 protected:
  virtual void begin() {}
  virtual Status apply() = 0;
  // It fails with an error of the drive; part of it may have taken effect.
  virtual void fail(Dice&) {}
  // The process died while it was under way.
  virtual void abandon(Dice&, bool power_cut) = 0;

 private:
  friend class Drive;
  void end(Status status);

  Process& process_;
  const DiskOp op_;
  const std::string_view path_;
  const std::uint64_t number_;  // what the trace shows: inode, or nothing
  const std::uint64_t bytes_;
  std::optional<Code> failure_;
  std::optional<Status> status_;
  Parking parking_;
};

class Drive {
 public:
  Drive(Machine& machine, const DriveOptions& options);

  // May be changed while it runs: error chances, delays, capacity.
  DriveOptions& options() { return options_; }
  FileSystem& files() { return files_; }
  Space& space() { return space_; }
  Dice& dice() { return dice_; }
  void set_capacity(std::uint64_t bytes) { space_.capacity = bytes; }

  // Calls made so far. For sweeps over every single one: count them in a clean run, then fail each in turn.
  std::uint64_t calls() const { return calls_; }
  void fail(DiskFault fault) { faults_.push_back(std::move(fault)); }
  // The call that comes after `n` others.
  void fail_call(std::uint64_t n, DiskEffect effect) { fail(DiskFault{effect, std::nullopt, std::string(), n, 1}); }
  void clear_faults() { faults_.clear(); }
  // Everything takes so many times as long.
  void set_slowness(double factor) { slowness_ = factor; }
  // Calls do not return until it is released.
  void hang();
  void release();
  // Every call fails from now on.
  void set_broken(bool broken) { broken_ = broken; }

  // Damage at rest: one bit of a file, or `count` bits anywhere in what is written (fewer where nothing is).
  Status flip_bit(std::string_view path, std::uint64_t offset, unsigned bit);
  std::size_t flip_bits(std::size_t count);
  // The block of 4 KiB at `offset` fails every read until it is written again.
  Status lose_block(std::string_view path, std::uint64_t offset);
  // What a file holds, without time passing.
  Result<ByteVector> peek(std::string_view path) const;

  void begin(DiskCall& call);
  void ended(DiskCall& call);
  // The process that made them is gone.
  void abandon_calls(bool power_cut);
  std::size_t calls_under_way() const { return under_way_.size(); }
  void power_cut();
  void erase();
  // Raised when the cache was lost: what was open or locked before is so no more.
  std::uint64_t epoch() const { return epoch_; }

 private:
  std::optional<DiskEffect> effect_on(const DiskCall& call);
  bool chance_of_error(DiskOp op);
  Duration delay_of(const DiskCall& call);

  Machine& machine_;
  DriveOptions options_;
  Dice dice_;
  Space space_;
  FileSystem files_;
  std::vector<DiskCall*> under_way_;
  std::vector<DiskCall*> hanging_;
  std::vector<DiskFault> faults_;
  std::uint64_t calls_ = 0;
  std::uint64_t epoch_ = 0;
  Duration busy_until_{0};
  double slowness_ = 1;
  bool hung_ = false;
  bool broken_ = false;
};

}  // namespace vortex::sim
