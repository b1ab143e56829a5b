/** Myna's mark: the head of a common myna, dark with a yellow beak and the patch at its eye. */

export function Bird({ className = "size-8" }: { className?: string }) {
  return (
    <svg viewBox="0 0 64 64" className={`shrink-0 ${className}`} aria-hidden="true">
      <path
        className="fill-bird"
        d="M8 60c-1-10 1-17 5-23C10 19 22 6 37 7c9 .6 14.6 6 16 13l-2 12c-3 7-5 10-4 16 .6 4 2 8 4 12H8Z"
      />
      <path
        className="fill-beak"
        d="M50 18.500c5 .5 9 3 11.500 7.500-4 2.500-8 3.500-12.500 3.300Z"
      />
      <path
        className="fill-beak"
        d="M37.500 14.500c4.200-.6 7.600 1.400 8.600 5 1 3.700-.4 6.700-3.600 8.700-3.500 2.100-7.500 2-11-.6 2.300-.6 3.700-2 3.900-4.400.2-3.400.2-6.500 2.100-8.700Z"
      />
      <circle className="fill-bird" cx="40.500" cy="20.800" r="3.300" />
      <circle className="fill-white" cx="41.600" cy="19.700" r="1" />
    </svg>
  );
}
