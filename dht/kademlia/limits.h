// Limits of lookups and of the routing table.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/limits.h"

namespace vortex::dht {

// A name of DNS is no longer.
inline constexpr std::size_t kContactHostMax = 255;
// Contacts in one answer. The longest of them fit its frame.
inline constexpr std::size_t kAnswerContactsMax = 64;
static_assert(kAnswerContactsMax * (32 + 4 + kContactHostMax + 2) + 4 <= 32 * kKiB);

// Contacts a bucket holds, in `ring`; k of the literature.
inline constexpr std::size_t kBucketMax = 16;
// In `all-to-all` buckets never overflow; this bounds the table.
inline constexpr std::size_t kTableMax = 4096;
// Candidates behind a bucket.
inline constexpr std::size_t kSparesMax = 8;
static_assert(kSparesMax <= kBucketMax);
// One origin may have more contacts in a bucket than this only as long as nobody else wants the place.
inline constexpr std::size_t kOriginShare = 4;
// Of the candidates that have proven nothing, one origin may name no more than these.
inline constexpr std::size_t kOriginSpares = 2;
// So often in a row a contact may fail to answer, where there is none to take its place.
inline constexpr unsigned kFailuresMax = 3;

// What a lookup has in view. The farthest that were not asked yet fall off.
inline constexpr std::size_t kShortlistMax = 96;
// Requests of one lookup that are not late; of all, late ones included.
inline constexpr std::size_t kParallel = 3;
inline constexpr std::size_t kInFlightMax = 12;
static_assert(kParallel <= kInFlightMax && kInFlightMax < kShortlistMax);
// Different ids that one address may be said to have; at most one of them is true.
inline constexpr std::size_t kIdsAtAddress = 2;
// Whoever named so many that did not answer, and so many for each that did, is not believed any more.
inline constexpr unsigned kLiesMax = 6;
inline constexpr unsigned kLiesForTruth = 3;
// Nodes that a lookup finds when it is not told how many, and as many of the nearest must have answered.
inline constexpr std::size_t kFindCount = 8;
static_assert(kFindCount <= kBucketMax && kBucketMax <= kAnswerContactsMax);

inline constexpr Duration kLookupTimeout = seconds(20);
inline constexpr Duration kQueryTimeout = seconds(3);
// A contact that takes longer is late: another one is asked beside it.
inline constexpr Duration kLateAfter = milliseconds(500);
static_assert(kLateAfter < kQueryTimeout && kQueryTimeout < kLookupTimeout);
inline constexpr std::size_t kLookupsMax = 256;

// Upkeep.
inline constexpr Duration kUpkeepPeriod = seconds(1);
inline constexpr std::size_t kChecksMax = 8;        // under way at once
inline constexpr std::size_t kVerifyEachRound = 2;  // candidates that were only named
inline constexpr std::size_t kVerifyAtOnce = 16;    // where everybody is to be known
inline constexpr Duration kCheckAfter = std::chrono::minutes(10);
// The same of one whose place a newcomer would like to have.
inline constexpr Duration kChallengeAfter = seconds(60);
inline constexpr Duration kRefreshAfter = std::chrono::minutes(30);
inline constexpr Duration kNeighboursAfter = std::chrono::minutes(5);
// Soon after the start much changes at once: the first waits are short, and double.
inline constexpr Duration kNeighboursFirst = seconds(2);
// A bucket with fewer is filled right after the start.
inline constexpr std::size_t kBucketFew = kBucketMax / 2;
// Of a bucket in which nothing was ever looked up: so long ago that it is due.
inline constexpr Instant kNever = Instant(Duration::min() / 2);
inline constexpr Duration kBootstrapRetryMin = milliseconds(200);
inline constexpr Duration kBootstrapRetryMax = seconds(5);
// Regions of the id space that are asked for, one after the other, where everybody is to be known.
inline constexpr std::size_t kExploreMax = 4096;
static_assert(kExploreMax * kBucketFew / 4 > kTableMax, "halves of halves of small regions are enough");

}  // namespace vortex::dht
