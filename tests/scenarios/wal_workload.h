// A program that does everything one can do with a log, and checks after every start what came back.
#pragma once

#include <string>

#include "tests/scenarios/wal_model.h"
#include "tests/sim/world.h"

namespace vortex::wal::test {

struct WorkloadOptions {
  Options log;
  std::size_t owners = 6;
  std::size_t writers = 8;
  std::size_t records_max = 6;
  std::size_t bytes_max = 3000;
  // Appends that each writer does in one life of the process; 0: without end.
  std::uint64_t operations = 0;
  // Errors of the disk are expected, and damage.
  bool faulty = false;

  WorkloadOptions();
};

// Lives outside of the machine and so through crashes.
class Workload {
 public:
  Workload(sim::World& world, WorkloadOptions options) : world_(world), options_(options) {}

  sim::ProgramFactory program();
  void crashed() { model_.crashed(); }
  // One start without any faults, which must bring everything back. Empty when it did.
  std::string check(sim::Machine& machine);

  const std::string& complaint() const { return complaint_; }
  const Model& model() const { return model_; }
  std::uint64_t segments_opened() const { return segments_opened_; }
  std::uint64_t refused_for_space() const { return refused_for_space_; }
  std::uint64_t opens() const { return opens_; }
  std::uint64_t torn() const { return torn_; }

 private:
  Task<void> live(Env& env);
  Task<Status> recover(Log& log);
  Task<void> write_and_tell(Task<void> writer, Parking& all_done);
  Task<void> write(Env& env, Log& log, std::uint64_t seed);
  Task<void> append(Log& log, sim::Dice& dice);
  Task<void> truncate(Log& log, sim::Dice& dice);
  Task<void> truncate_to(Log& log, OwnerId owner, Lsn before);
  Task<void> keep_house(Env& env, Log& log);
  Task<void> drop(Log& log, sim::Dice& dice);
  void complain(std::string text);

  sim::World& world_;
  const WorkloadOptions options_;
  Model model_;
  std::string complaint_;
  std::size_t writing_ = 0;
  std::uint64_t opens_ = 0, segments_opened_ = 0, refused_for_space_ = 0, torn_ = 0;
};

}  // namespace vortex::wal::test
