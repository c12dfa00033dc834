#include "tests/sim/drive.h"

#include <algorithm>

#include "tests/sim/process.h"
#include "tests/sim/world.h"

namespace vortex::sim {

namespace {
constexpr std::string_view kOpNames[] = {"open",     "read",  "write",  "sync",   "allocate",         "punch_hole",
                                         "truncate", "size",  "rename", "remove", "make_directories", "sync_directory",
                                         "list",     "space", "lock"};
static_assert(std::size(kOpNames) == static_cast<std::size_t>(DiskOp::lock) + 1);
}  // namespace

std::string_view to_string(DiskOp op) { return kOpNames[static_cast<std::size_t>(op)]; }

std::optional<DiskOp> parse_disk_op(std::string_view text) {
  for (std::size_t i = 0; i < std::size(kOpNames); ++i)
    if (kOpNames[i] == text) return static_cast<DiskOp>(i);
  return std::nullopt;
}

DiskCall::DiskCall(Process& process, DiskOp op, std::string_view path, std::uint64_t number, std::uint64_t bytes)
    : process_(process), op_(op), path_(path), number_(number), bytes_(bytes), parking_(process.loop()) {}

DiskCall::~DiskCall() { CHECK(status_ || !armed()); }

Task<Status> DiskCall::run() {
  if (process_.dead()) {
    co_await process_.yield();
    co_return Code::cancelled;
  }
  process_.machine().drive().begin(*this);
  if (!status_) co_await parking_.park_uncancellable();
  co_return std::move(*status_);
}

void DiskCall::fire() {
  Drive& drive = process_.machine().drive();
  if (failure_) fail(drive.dice());
  end(failure_ ? Status(*failure_) : apply());
}

void DiskCall::end(Status status) {
  auto code = status.ok() ? 0 : static_cast<std::uint64_t>(status.error().code());
  process_.world().note(Happening::disk, &process_.machine(), number_ << 8 | static_cast<std::uint64_t>(op_),
                        bytes_ << 16 | code);
  process_.machine().drive().ended(*this);
  status_.emplace(std::move(status));
  parking_.wake();
  process_.touch();
}

Drive::Drive(Machine& machine, const DriveOptions& options)
    : machine_(machine),
      options_(options),
      dice_(machine.world().dice("drive", machine.number())),
      space_{options.capacity, 0},
      files_(space_) {}

std::optional<DiskEffect> Drive::effect_on(const DiskCall& call) {
  std::optional<DiskEffect> effect;
  if (broken_ || chance_of_error(call.op())) effect = DiskEffect::io_error;
  for (auto fault = faults_.begin(); fault != faults_.end();) {
    bool matches = (!fault->op || *fault->op == call.op()) && call.path().find(fault->path) != std::string_view::npos;
    if (matches && fault->skip > 0) {
      --fault->skip;
    } else if (matches) {
      effect = fault->effect;
      if (--fault->count == 0) {
        fault = faults_.erase(fault);
        continue;
      }
    }
    ++fault;
  }
  return effect;
}

bool Drive::chance_of_error(DiskOp op) {
  double chance = op == DiskOp::read    ? options_.read_errors
                  : op == DiskOp::write ? options_.write_errors
                  : op == DiskOp::sync  ? options_.sync_errors
                                        : options_.name_errors;
  return chance > 0 && dice_.chance(chance);
}

Duration Drive::delay_of(const DiskCall& call) {
  const Delay& delay = call.op() == DiskOp::read                                          ? options_.read
                       : call.op() == DiskOp::write                                       ? options_.write
                       : call.op() == DiskOp::sync || call.op() == DiskOp::sync_directory ? options_.sync
                                                                                          : options_.names;
  // Bytes pass one after the other, whatever else overlaps.
  double transfer = static_cast<double>(call.bytes()) * 1e9 / static_cast<double>(options_.bytes_per_second);
  Duration now = machine_.world().now();
  busy_until_ = std::max(busy_until_, now) + Duration(static_cast<Duration::rep>(transfer * slowness_));
  double latency = static_cast<double>(delay.sample(dice_).count()) * slowness_;
  return busy_until_ - now + Duration(static_cast<Duration::rep>(latency));
}

void Drive::begin(DiskCall& call) {
  ++calls_;
  std::optional<DiskEffect> effect = effect_on(call);
  if (effect == DiskEffect::io_error) call.failure_ = Code::io_error;
  if (effect == DiskEffect::no_space) call.failure_ = Code::no_space;
  if (effect) machine_.world().note(Happening::fault, &machine_, "disk call " + std::to_string(calls_ - 1));
  call.begin();
  under_way_.push_back(&call);
  machine_.world().waiters().arm(call, machine_.world().now() + delay_of(call));
  if (hung_) {
    machine_.world().waiters().disarm(call);
    hanging_.push_back(&call);
  }
  if (effect == DiskEffect::kill) machine_.kill();
  if (effect == DiskEffect::power_cut) machine_.power_cut();
}

void Drive::ended(DiskCall& call) {
  auto at = std::find(under_way_.begin(), under_way_.end(), &call);
  CHECK(at != under_way_.end());
  under_way_.erase(at);
}

void Drive::hang() { hung_ = true; }

void Drive::release() {
  hung_ = false;
  for (DiskCall* call : std::exchange(hanging_, {})) machine_.world().waiters().arm(*call, machine_.world().now());
}

void Drive::abandon_calls(bool power_cut) {
  hanging_.clear();
  while (!under_way_.empty()) {
    DiskCall& call = *under_way_.front();
    machine_.world().waiters().disarm(call);
    call.abandon(dice_, power_cut);
    call.end(Code::cancelled);
  }
}

void Drive::power_cut() {
  ++epoch_;
  busy_until_ = Duration(0);
  files_.power_cut(dice_, options_.sector);
}

void Drive::erase() {
  ++epoch_;
  files_.clear();
}

Status Drive::flip_bit(std::string_view path, std::uint64_t offset, unsigned bit) {
  ASSIGN_OR_RETURN(auto inode, files_.find(path));
  if (offset >= inode->content.size()) return Error(Code::invalid_argument, "beyond the end of the file");
  inode->content.flip_bit(offset, bit % 8);
  machine_.world().note(Happening::fault, &machine_,
                        "bit " + std::to_string(offset * 8 + bit) + " of " + std::string(path));
  return Status();
}

Status Drive::lose_block(std::string_view path, std::uint64_t offset) {
  ASSIGN_OR_RETURN(auto inode, files_.find(path));
  inode->unreadable.insert(offset / Content::kPage);
  machine_.world().note(Happening::fault, &machine_,
                        "block at " + std::to_string(offset) + " of " + std::string(path) + " unreadable");
  return Status();
}

std::size_t Drive::flip_bits(std::size_t count) {
  struct Target {
    InodePtr file;
    std::uint64_t page;
  };
  std::vector<Target> targets;
  for (const InodePtr& file : files_.files())
    for (std::uint64_t page : file->content.written_pages())
      if (page * Content::kPage < file->content.size()) targets.push_back(Target{file, page});
  if (targets.empty()) return 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Target& target = targets[dice_.below(targets.size())];
    std::uint64_t start = target.page * Content::kPage;
    std::uint64_t size = std::min<std::uint64_t>(Content::kPage, target.file->content.size() - start);
    std::uint64_t offset = start + dice_.below(size);
    target.file->content.flip_bit(offset, static_cast<unsigned>(dice_.below(8)));
    machine_.world().note(Happening::fault, &machine_,
                          "bit at " + std::to_string(offset) + " of file " + std::to_string(target.file->number));
  }
  return count;
}

Result<ByteVector> Drive::peek(std::string_view path) const {
  ASSIGN_OR_RETURN(auto inode, files_.find(path));
  ByteVector bytes(inode->content.size());
  inode->content.read(0, bytes);
  return bytes;
}

}  // namespace vortex::sim
