// Marks a function that host code and device kernels share.
#pragma once

#ifdef __CUDACC__
#define SEQPE_HOST_DEVICE __host__ __device__
#else
#define SEQPE_HOST_DEVICE
#endif
