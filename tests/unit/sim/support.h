// Small helpers for tests of the simulated world.
#pragma once

#include <string>

#include "tests/sim/world.h"

namespace vortex::sim {

Task<Status> write_text(File* file, std::uint64_t offset, std::string text);
// Opens or makes the file and writes at its start.
Task<Status> put(Env& env, std::string path, std::string text, bool sync, bool sync_name);
Task<Result<std::string>> get(Env& env, std::string path);
Task<Result<std::vector<std::string>>> names(Env& env, std::string path);
inline Task<Status> remove_file(Env& env, std::string path) { return env.disk().remove(path); }
inline Task<Status> rename_file(Env& env, std::string from, std::string to) { return env.disk().rename(from, to); }
inline Task<Status> sync_names(Env& env, std::string path) { return env.disk().sync_directory(path); }

// Gets a file's content on a machine as it is now, starting it when it is off.
inline Result<std::string> content(World& world, Machine& machine, std::string path) {
  return world.run(machine, get, path);
}

}  // namespace vortex::sim
