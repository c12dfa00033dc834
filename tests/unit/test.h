// doctest under names that do not collide with our own CHECK, which is for production code.
#pragma once

#define DOCTEST_CONFIG_NO_SHORT_MACRO_NAMES
#include <doctest/doctest.h>

#define TEST_CASE(name) DOCTEST_TEST_CASE(name)
#define SUBCASE(name) DOCTEST_SUBCASE(name)
#define INFO(...) DOCTEST_INFO(__VA_ARGS__)
#define CAPTURE(x) DOCTEST_CAPTURE(x)
#define FAIL(...) DOCTEST_FAIL(__VA_ARGS__)
// EXPECT notes a failure and goes on, REQUIRE ends the test.
#define EXPECT(...) DOCTEST_CHECK(__VA_ARGS__)
#define EXPECT_EQ(...) DOCTEST_CHECK_EQ(__VA_ARGS__)
#define EXPECT_NE(...) DOCTEST_CHECK_NE(__VA_ARGS__)
#define EXPECT_LT(...) DOCTEST_CHECK_LT(__VA_ARGS__)
#define EXPECT_LE(...) DOCTEST_CHECK_LE(__VA_ARGS__)
#define EXPECT_GT(...) DOCTEST_CHECK_GT(__VA_ARGS__)
#define EXPECT_GE(...) DOCTEST_CHECK_GE(__VA_ARGS__)
#define REQUIRE(...) DOCTEST_REQUIRE(__VA_ARGS__)
#define REQUIRE_EQ(...) DOCTEST_REQUIRE_EQ(__VA_ARGS__)
