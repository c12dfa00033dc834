// Places in store and fetch at which tests end a process, to see that nothing half-done is left of it. On the way
// each is a line in the log (area "kill-point") for whoever wants to see every step; a test ends the process that says
// it.
#pragma once

#include <array>
#include <string_view>

#include "base/env.h"
#include "base/log.h"

namespace vortex::node {

// What each says has just happened, unless it says what is about to.
namespace kill_points {
// On members.
inline constexpr std::string_view kSmallStored = "member: small file stored";
inline constexpr std::string_view kUploadOpened = "member: upload opened";
inline constexpr std::string_view kChunkTouched = "member: chunk found";
inline constexpr std::string_view kChunkStaged = "member: chunk staged";
inline constexpr std::string_view kSyncing = "member: about to sync";
inline constexpr std::string_view kSynced = "member: chunks synced";
inline constexpr std::string_view kAddingCopies = "member: about to record copies";
inline constexpr std::string_view kCopiesAdded = "member: copies recorded";
inline constexpr std::string_view kCommitting = "member: about to commit";
inline constexpr std::string_view kCommitted = "member: committed";
inline constexpr std::string_view kConfirming = "member: about to confirm references";
inline constexpr std::string_view kFileOpened = "member: file opened";
inline constexpr std::string_view kChunkRead = "member: chunk read";
// In clients.
inline constexpr std::string_view kClientBegins = "client: upload opened";
inline constexpr std::string_view kClientStaged = "client: chunk staged";
inline constexpr std::string_view kClientSettled = "client: chunks durable";
inline constexpr std::string_view kClientRecorded = "client: copies recorded";
inline constexpr std::string_view kClientUploaded = "client: about to commit";
inline constexpr std::string_view kClientCommitted = "client: committed";
inline constexpr std::string_view kClientOpened = "client: file opened";
inline constexpr std::string_view kClientRead = "client: chunk read";

inline constexpr std::array kAll = {
    kSmallStored,  kUploadOpened,  kChunkTouched,   kChunkStaged,    kSyncing,         kSynced,       kAddingCopies,
    kCopiesAdded,  kCommitting,    kCommitted,      kConfirming,     kFileOpened,      kChunkRead,    kClientBegins,
    kClientStaged, kClientSettled, kClientRecorded, kClientUploaded, kClientCommitted, kClientOpened, kClientRead};
inline bool in_client(std::string_view name) { return name.starts_with("client"); }
}  // namespace kill_points

inline void kill_point(Env& env, std::string_view name) {
  if (env.log().enabled(LogLevel::debug)) env.log().debug("kill-point", name);
}

}  // namespace vortex::node
